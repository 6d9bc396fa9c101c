from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ALL = "import webapp.page, webapp.image.tab, webapp.image.actions, webapp.image.downloads, webapp.shared.examples"

TORCH_FREE = {
    "refiner",
    "refiner.config",
    "refiner.types",
    "refiner.files.results",
    "refiner.files.mask_files",
    "refiner.files.session",
    "refiner.files.pictures",
    *(f"refiner.files.{name}" for name in ("colours", "deep", "kinds", "names", "sources")),
    "refiner.metrics",
    "refiner.data.manifest",
    "refiner.data.archives",
    "refiner.data.pairing",
    "refiner.video_types",
    "refiner.clips",
    "refiner.data",
    "refiner.evaluation",
    "refiner.evaluation.report",
    "refiner.files",
    "refiner.evaluation.report.paper",
    "refiner.evaluation.report.plots",
    "refiner.evaluation.prompts",
    "refiner.evaluation.report.readme",
    "refiner.evaluation.report.ablation",
    "refiner.evaluation.report.photos",
    "refiner.evaluation.report.videos",
}


def python(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_importing_webapp_leaves_torch_out() -> None:
    assert python(f"{ALL}, sys; print('torch' in sys.modules)").strip() == "False"


def test_webapp_imports_of_refiner_only_what_needs_no_torch() -> None:
    loaded = python(f"{ALL}, sys; print(*[m for m in sys.modules if m.startswith('refiner')])")
    assert set(loaded.split()) <= TORCH_FREE


def test_importing_webapp_writes_no_files_beside_the_source() -> None:
    python(ALL)
    assert not list((ROOT / "webapp").rglob("*.pyi"))
