# For a machine with an NVIDIA GPU and its container toolkit; see assets/SERVING.md.
FROM python:3.12-slim

RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgl1 libglib2.0-0 ffmpeg \
    && rm -rf /var/lib/apt/lists/*

# Wheels first: the three packages without one build against the torch that is then installed.
COPY requirements.lock /tmp/
RUN awk '/^[^ #]/{keep = $0 !~ /^(sam2|antlr4-python3-runtime|iopath)==/} keep' /tmp/requirements.lock > /tmp/wheels.lock \
    && pip install --no-cache-dir --require-hashes --no-deps --only-binary :all: --requirement /tmp/wheels.lock \
    && SAM2_BUILD_CUDA=0 pip install --no-cache-dir --require-hashes --no-deps --no-build-isolation \
        --requirement /tmp/requirements.lock

RUN useradd --create-home studio
USER studio
# a volume mounted here belongs to whom the folder belongs to
RUN mkdir -p /home/studio/.cache/huggingface
WORKDIR /home/studio/app
COPY app.py ./
COPY refiner refiner
COPY webapp webapp
COPY assets assets

ENV GRADIO_SERVER_NAME=0.0.0.0 PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --start-period=90s --interval=30s --timeout=5s CMD ["python", "-c", \
    "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ.get(\"PORT\", 7860)}/healthz', timeout=4)"]
# not through a shell: SIGTERM is for Python
CMD ["python", "app.py"]
