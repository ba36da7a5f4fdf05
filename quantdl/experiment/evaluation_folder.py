"""An evaluation as a folder: the scores of every day and a grid of quantiles of each model, and every figure."""

from collections.abc import Callable, Mapping
from pathlib import Path

from quantdl.config import ExperimentConfig, standalone_yaml
from quantdl.results.evaluation import ScoredModel
from quantdl.results.evaluation_table import EvaluationTable
from quantdl.results.tables import write_parquet
from quantdl.runs.environment import environment
from quantdl.runs.store import RunWriter, remove_abandoned


def write_evaluation(
    config: ExperimentConfig,
    output: Path,
    carry_out: Callable[[], tuple[EvaluationTable, Mapping[str, ScoredModel]]],
) -> EvaluationTable:
    """Carry an evaluation out inside a folder that appears only when it is complete.

    Beside ``evaluation.json`` (every figure), ``config.yaml`` and ``environment.json`` it holds of each model

    * ``scores_MODEL.parquet``: a row a stock-day, one session ahead, see `quantdl.risk.scores.stock_days.stock_days`
    * ``position_scores_MODEL.parquet``: the same of the position, from fill to exit
    * ``position_BARS_scores_MODEL.parquet``: the same of each further horizon
    * ``quantiles_MODEL.parquet``: a row a session and asset, see `quantdl.risk.scores.stock_days.quantile_grid`
    * ``books_MODEL.parquet``: a row a session and book, see `quantdl.risk.scores.book_laws.BookForecasts.table`

    Args:
        config: Of the evaluation.
        output: The folder; claimed before the work begins, so a name that is taken is refused at once.
        carry_out: Does the work.

    Raises:
        RunError: If the folder exists or the disk refuses.
    """
    if output.parent.is_dir():
        remove_abandoned(output.parent)
    with RunWriter(output.parent, config.name, output.name) as run:
        table, models = carry_out()
        run.write_json("evaluation.json", table)
        run.write_text("config.yaml", standalone_yaml(config, run.target))
        for copy, file in config.strategy_files.items():
            run.write_bytes(copy, file.read_bytes())
        run.write_json("environment.json", environment())
        for name, scored in models.items():
            tables = {"scores": scored.days, "quantiles": scored.quantiles, "books": scored.books.table()}
            for number, (bars, position) in enumerate(scored.positions.items()):
                tables[f"position_{bars}_scores" if number else "position_scores"] = position
            for kind, frame in tables.items():
                write_parquet(frame, run.path(f"{kind}_{name}.parquet"))
    return table
