"""Stands in for Hugging Face's `spaces` as it is on ZeroGPU; put `tests/stand_in` on PYTHONPATH.

As the real one it must come before torch, lets torch say that there is a GPU, forks a worker for each
call, pickles arguments and results, forgets the worker's state, tells only the class of an error,
checks the whole seconds declared against what is left of the visitor's quota, and starts no app
without a decorated function. The visitor is whom the header X-IP-Token names; the one named "spent"
has used up all. STAND_IN_QUOTA are the seconds each has; each call is written to the file STAND_IN_LEDGER as a line of JSON.
"""

from __future__ import annotations

import inspect
import json
import multiprocessing
import os
import pickle
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

if "torch" in sys.modules:
    raise RuntimeError("Import `spaces` before torch.")

import gradio as gr
import torch
from gradio.context import LocalContext

torch.cuda.is_available = lambda: True

FORK = multiprocessing.get_context("fork")
QUOTA = float(os.environ.get("STAND_IN_QUOTA", "120"))
LEDGER = os.environ["STAND_IN_LEDGER"]
used: dict[str, float] = defaultdict(float, spent=QUOTA)
decorated: list[Callable[..., Any]] = []
ledger_lock = threading.Lock()


def GPU(task: Any = None, *, duration: Any = None, size: str | None = None) -> Any:
    if task is None:
        return lambda task: GPU(task, duration=duration, size=size)
    decorated.append(task)

    def call(*args: Any, **kwargs: Any) -> Iterator[Any]:
        asked = duration(*args, **kwargs) if callable(duration) else duration
        yield from _lent(task, args, kwargs, int(60 if asked is None else asked))

    def regular(*args: Any, **kwargs: Any) -> Any:
        (result,) = call(*args, **kwargs)
        return result

    return call if inspect.isgeneratorfunction(task) else regular


def _lent(task: Any, args: Any, kwargs: Any, seconds: int) -> Iterator[Any]:
    visitor = _visitor()
    left = QUOTA - used[visitor]
    if seconds > left:
        message = (
            f"You have exceeded your ZeroGPU quota ({seconds}s requested vs. {left:.0f}s left)."
        )
        raise gr.Error(message, title="ZeroGPU quota exceeded", print_exception=False)
    sent = pickle.dumps((args, kwargs))
    ours, theirs = FORK.Pipe()
    started = time.monotonic()
    worker = FORK.Process(target=_work, args=(task, sent, theirs), daemon=True)
    worker.start()
    theirs.close()
    given = 0
    try:
        while True:
            kind, value = _receive(ours)
            if kind == "end":
                break
            if kind == "error":
                raise gr.Error(value, title="ZeroGPU worker error", print_exception=False)
            given += 1
            yield value
    finally:
        ours.close()
        worker.kill()
        worker.join()
        took = time.monotonic() - started
        used[visitor] += took
        call = {"task": task.__name__, "visitor": visitor, "declared": seconds, "took": took}
        with ledger_lock, open(LEDGER, "a", encoding="utf-8") as file:
            file.write(json.dumps({**call, "given": given}) + "\n")


def _receive(ours: Any) -> tuple[str, Any]:
    try:
        return ours.recv()
    except EOFError:
        return "error", "GPU task aborted"


def _work(task: Any, sent: bytes, theirs: Any) -> None:
    args, kwargs = pickle.loads(sent)
    try:
        result = task(*args, **kwargs)
        for value in result if inspect.isgenerator(result) else (result,):
            theirs.send(("value", value))
        theirs.send(("end", None))
    except Exception as error:
        theirs.send(("error", type(error).__name__))


def _visitor() -> str:
    request = LocalContext.request.get(None)
    return "nobody" if request is None else request.headers.get("x-ip-token", "anonymous")


_launch = gr.Blocks.launch


def _checked_launch(*args: Any, **kwargs: Any) -> Any:
    if not decorated:
        raise RuntimeError("No @spaces.GPU function detected during startup")
    return _launch(*args, **kwargs)


gr.Blocks.launch = _checked_launch
