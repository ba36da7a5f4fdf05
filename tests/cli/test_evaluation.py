"""What `quantdl evaluate` prints."""

from dataclasses import replace

from quantdl.cli.evaluation import print_evaluation


def test_every_table_names_its_models_and_the_look_is_told(small_evaluation, capsys):
    print_evaluation(small_evaluation[0])
    printed = capsys.readouterr().out
    for title in ("One session ahead", "Against ewma_t", "The equal-weight book", "Random long-only books"):
        assert title in printed
    assert printed.count("ewma_t") > 10
    assert "losses 99%" in printed
    assert "gains 95%" in printed
    assert "looked at once" in printed


def test_without_a_rival_nothing_is_compared(small_evaluation, capsys):
    table = small_evaluation[0]
    alone = replace(table.rows[1], against=None, random_books=())
    print_evaluation(replace(table, rows=(alone,), horizons=(), looks=3))
    printed = capsys.readouterr().out
    assert "Against" not in printed
    assert "Random" not in printed
    assert "looked at 3 times" in printed
