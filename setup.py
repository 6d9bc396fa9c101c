"""The packages of the wheel; all else is in pyproject.toml, which cannot say both of these."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["refiner*", "webapp*"]), "refiner.weights"],
    package_dir={"refiner.weights": "assets/weights"},
)
