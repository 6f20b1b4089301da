"""The pipeline for Vertex AI: five containers of the platform's image, one command each, and the gate before the last."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mlops_assets.errors import SettingsError
from mlops_assets.song_popularity import defaults

# No annotations from the future: KFP reads those of components and pipelines as types.

NAME = "song-popularity"
_IMAGE = re.compile(r"[a-z0-9][\w./:@-]{1,500}")


def compile_pipeline(image: str, path: Path) -> None:
    """Write the pipeline as YAML. The same image gives the same bytes.

    Args:
        image: the platform's image, in Artifact Registry, with the packages of the extra `vertex`.
        path: file to write, `.yaml`.

    Raises:
        SettingsError: the image is none, the file is called otherwise, or kfp is not installed.
    """
    if not _IMAGE.fullmatch(image):
        raise SettingsError(f"{image!r} is no image; one is called like europe-west1-docker.pkg.dev/project/images/mlops-assets:1")
    if path.suffix != ".yaml":
        raise SettingsError(f"{path}: a pipeline is written as .yaml")
    try:
        from kfp.compiler import Compiler
    except ImportError:
        raise SettingsError("compiling a pipeline needs kfp: make install-vertex") from None

    path.parent.mkdir(parents=True, exist_ok=True)
    Compiler().compile(build_pipeline(image), str(path))


def build_pipeline(image: str) -> Callable[..., Any]:
    """Return the pipeline, whose tasks pass their files on."""
    from kfp import dsl

    prepare, train, evaluate, gate, deploy = _components(image)

    @dsl.pipeline(name=NAME, description="Learn from the events before a day, and deploy the model if it passes the gate.")
    def song_popularity(
        model_date: str,
        lake_url: str,
        project: str,
        region: str,
        bucket: str,
        serving_image: str,
        service_account: str = "",
        tuning_trials: int = defaults.TUNING_TRIALS,
        time_budget_seconds: float = defaults.TIME_BUDGET_SECONDS,
        minimum_accuracy: float = defaults.MINIMUM_ACCURACY,
        minimum_macro_f1: float = defaults.MINIMUM_MACRO_F1,
        pipes: dict = {},  # noqa: B006 - KFP reads defaults of this form
    ) -> None:
        prepared = prepare(model_date=model_date, lake_url=lake_url, pipes=pipes)
        trained = train(
            train=prepared.outputs["train"],
            model_date=model_date,
            tuning_trials=tuning_trials,
            time_budget_seconds=time_budget_seconds,
            pipes=pipes,
        )
        evaluated = evaluate(
            model=trained.outputs["model"],
            train=prepared.outputs["train"],
            test=prepared.outputs["test"],
            minimum_accuracy=minimum_accuracy,
            minimum_macro_f1=minimum_macro_f1,
            pipes=pipes,
        )
        decided = gate(evaluation=evaluated.outputs["evaluation"], pipes=pipes)
        # Late events change what the lake holds for the same parameters.
        for task in (prepared, trained, evaluated, decided):
            task.set_caching_options(False)
        with dsl.If(decided.outputs["is_passed"] == True, "passes the gate"):  # noqa: E712 - it becomes a condition of Vertex AI
            deployed = deploy(
                model=trained.outputs["model"],
                project=project,
                region=region,
                bucket=bucket,
                serving_image=serving_image,
                service_account=service_account,
                pipes=pipes,
            )
            deployed.set_caching_options(False)

    found: Callable[..., Any] = song_popularity
    return found


def _components(image: str) -> tuple[Callable[..., Any], ...]:
    from kfp.dsl import ContainerSpec, Dataset, Input, Metrics, Model, Output, OutputPath, container_component

    def run(step: str, **options: Any) -> Any:
        arguments = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", value)]
        return ContainerSpec(image=image, command=["mlops-assets", "vertex", "step", step], args=arguments)

    @container_component
    def prepare(model_date: str, lake_url: str, pipes: dict, train: Output[Dataset], test: Output[Dataset]):  # type: ignore[no-untyped-def]
        return run("prepare", day=model_date, lake_url=lake_url, train=train.path, test=test.path, pipes=pipes)

    @container_component
    def train(  # type: ignore[no-untyped-def]
        train: Input[Dataset], model_date: str, tuning_trials: int, time_budget_seconds: float, pipes: dict, model: Output[Model]
    ):
        return run(
            "train",
            train=train.path,
            day=model_date,
            tuning_trials=tuning_trials,
            time_budget_seconds=time_budget_seconds,
            model=model.path,
            pipes=pipes,
        )

    @container_component
    def evaluate(  # type: ignore[no-untyped-def]
        model: Input[Model],
        train: Input[Dataset],
        test: Input[Dataset],
        minimum_accuracy: float,
        minimum_macro_f1: float,
        pipes: dict,
        evaluation: Output[Metrics],
    ):
        return run(
            "evaluate",
            model=model.path,
            train=train.path,
            test=test.path,
            minimum_accuracy=minimum_accuracy,
            minimum_macro_f1=minimum_macro_f1,
            evaluation=evaluation.path,
            pipes=pipes,
        )

    @container_component
    def gate(evaluation: Input[Metrics], pipes: dict, is_passed: OutputPath(bool)):  # type: ignore[no-untyped-def, valid-type]
        return run("gate", evaluation=evaluation.path, is_passed=is_passed, pipes=pipes)

    @container_component
    def deploy(  # type: ignore[no-untyped-def]
        model: Input[Model],
        project: str,
        region: str,
        bucket: str,
        serving_image: str,
        service_account: str,
        pipes: dict,
        endpoint: OutputPath(str),  # type: ignore[valid-type]
    ):
        return run(
            "deploy",
            model=model.path,
            project=project,
            region=region,
            bucket=bucket,
            serving_image=serving_image,
            service_account=service_account,
            endpoint=endpoint,
            pipes=pipes,
        )

    return prepare, train, evaluate, gate, deploy
