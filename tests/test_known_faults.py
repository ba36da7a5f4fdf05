"""Faults that data layers of this field had, each with the test that shows ours does not, or why it cannot.

The rows are numbered as in the catalogue they come from: A what looks ahead, B calendars and clocks, C corporate
actions, D missing prices and delistings, E costs, cash and short positions, F definitions of figures, H numbers, J
operations: kills, disks, clocks and many processes. This file checks that the tests exist.
"""

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

SHOWN_BY = {
    "A1 a bar that is merged by its open time": (
        "test_a_bar_is_known_when_it_is_complete_not_when_it_began",
        "test_every_value_was_known_at_its_decision_and_not_at_the_one_before",
        "test_a_planted_leak_is_found_where_it_is",
        "test_the_reach_of_a_leak_is_the_one_that_was_planted",
        "test_a_clean_run_is_called_clean_with_its_coverage",
        "test_a_column_without_a_value_is_named",
    ),
    "A2 a false alarm": (
        "test_a_clean_strategy_is_called_clean",
        "test_a_clean_strategy_is_called_clean_at_a_few_cuts",
        "test_the_book_up_to_the_session_is_the_same_whatever_follows",
    ),
    "A3 a verdict from one trade": (
        "test_one_decision_leaves_it_open",
        "test_no_decision_leaves_it_open",
    ),
    "A4 a negative shift in production": (
        "test_what_often_looks_ahead_is_named",
        "test_what_looks_back_is_left_alone",
        "test_no_source_of_a_feature_reaches_forward",
        "test_a_planted_look_into_the_future_is_found",
    ),
    "A5 a signal of the bar that it is filled on": (
        "test_a_fill_at_a_price_of_a_later_bar_is_found",
        "test_everything_decided_up_to_the_day_is_the_same",
    ),
    "A6 an indicator that leaks although it says it does not": (
        "test_every_column_of_fifty_prefixes_is_the_prefix_of_the_column",
        "test_nothing_before_an_assets_last_own_bars_that_its_columns_declare_changes_a_bit",
    ),
    "A7 one flat bar that changes every earlier row": (
        "test_what_follows_changes_no_bit_of_any_column",
        "test_the_universe_of_a_bar_is_the_same_bit_for_bit_whatever_comes_later",
    ),
    "A8 a scale that looks into the window to be predicted": (
        "test_noise_in_later_rows_changes_no_bit_of_the_fitted_state",
        "test_prices_after_a_bar_change_no_window_that_ends_by_then",
    ),
    "A9 a scaler fitted on the test set": (
        "test_it_refuses_bars_before_its_last_one_unless_they_are_trained_on",
        "test_what_was_fitted_too_late_is_found_with_its_reach",
        "test_a_model_that_is_trained_one_session_too_long_is_found",
    ),
    "A10 a value that is used before it was known": (
        "test_an_instant_sees_the_bars_that_were_known_then",
        "test_what_becomes_known_later_changes_nothing_before",
        "test_later_values_of_a_series_change_no_earlier_input",
    ),
    "A11 today's members as the universe of the past": (
        "test_delisted_names_are_members_while_they_lived",
        "test_a_market_that_no_asset_leaves_was_chosen",
        "test_listings_that_end_halfway_show_that_a_history_was_asked_for",
    ),
    "A12 a graph that knows later edges": (
        "test_no_future_changes_a_past_edge",
        "test_a_prefix_has_the_graph_it_had",
        "test_rows_of_a_batch_share_no_edge",
        "test_future_prices_change_no_past_cluster",
    ),
    "A13 rows out of order that expose the future": ("test_an_impossible_row_is_refused_with_its_place",),
    "A14 bars that are streamed out of order": ("test_every_bar_is_seen_exactly_once",),
    "A15 labels that reach over the end of a span": (
        "test_labels_of_the_spans_never_overlap",
        "test_no_label_of_a_training_batch_ends_after_train_end",
        "test_prices_after_the_training_span_are_not_learned_from",
        "test_the_last_price_of_a_span_does_count",
    ),
    "A16 a file of the day that is read on that day": ("test_a_mean_over_a_month_is_unknown_within_it",),
    "A17 a fill at a price that was carried on": (
        "test_an_asset_that_does_not_trade_waits_for_a_real_price",
        "test_a_halted_holding_is_marked_at_its_last_price_and_sold_when_it_trades_again",
        "test_one_bad_print_costs_no_more_than_was_promised_whenever_it_comes",
    ),
    "A18 a stop that fills at the open before it was reached": (
        "test_an_order_fills_where_the_bar_reaches_it_and_at_no_better_price",
        "test_a_position_is_left_at_its_stop_before_its_target",
        "test_the_bar_of_the_entry_can_reach_the_stop_and_a_target_only_from_its_open_on",
        "test_a_trailing_exit_follows_the_highs_of_bars_that_are_over",
        "test_the_tables_of_bars_hold_sixty_cases",
    ),
    "B1 a closure that was declared after the table was made": (
        "test_president_carters_day_of_mourning_is_no_session_and_verified",
        "test_a_projected_session_is_said_to_be_one",
        "test_sessions_that_are_only_projected_are_said_on_the_card",
    ),
    "B2 early closes that are missing in Sydney": ("test_sydney_closes_early_before_christmas_and_new_year",),
    "B3 the later of two early closes": ("test_the_earliest_of_two_special_closes_stands",),
    "B4 a Chinese holiday that moved": ("test_a_new_year_that_moves_is_in_the_calendar_of_shanghai",),
    "B5 a closing time that ignores the early close": ("test_every_early_close_is_earlier_than_the_close_around_it",),
    "B6 published holidays that are wrong": (
        "test_two_keepers_of_new_york_agree_on_sessions_and_since_2010_on_every_minute",
        "test_a_year_has_as_many_sessions_as_the_second_source_counts",
        "test_christmas_eve_of_1999_was_a_holiday",
    ),
    "B7 an instant compared by its local date": (
        "test_an_instant_is_the_same_in_every_zone_it_is_written_in",
        "test_a_time_without_offset_or_zone_is_objected_to",
        "test_a_session_is_no_instant_in_whatever_zone",
        "test_the_zone_of_the_question_changes_nothing",
    ),
    "B8 an hour that the clocks skip or repeat": (
        "test_every_local_hour_of_thirty_years_is_one_instant_or_named",
        "test_an_hour_that_the_clocks_skip_or_repeat_is_named_with_its_row",
        "test_no_change_of_clocks_makes_a_value_known_before_its_day",
    ),
    "B9 an offset in local time that breaks when the clocks change": (
        "test_a_session_has_the_same_bars_before_and_after_the_clocks_change",
        "test_full_days_around_a_change_of_clocks_have_the_same_minutes",
    ),
    "B10 clocks of two continents that change weeks apart": (
        "test_new_york_opens_an_hour_earlier_for_london_when_only_america_has_moved_its_clocks",
        "test_london_closes_before_noon_in_new_york_only_while_the_clocks_are_out_of_step",
    ),
    "B11 Tokyo's close before November 2024": (
        "test_tokyo_closes_half_an_hour_later_since_november_2024",
        "test_a_decision_at_a_quarter_past_six_sees_tokyos_close_until_its_day_became_longer",
        "test_a_lunch_break_is_no_bar_and_ends_one",
    ),
    "B12 market hours in the zone of the program": ("test_the_declared_zone_is_the_calendars",),
    "B13 horizons in days that holidays make wrong": ("test_a_horizon_counts_sessions_whatever_holidays_lie_in_it",),
    "C1 a reverse split that rounds an order to nothing": (
        "test_a_position_is_worth_after_a_split_what_it_was_before",
        "test_a_split_pays_the_fraction_of_a_share_and_changes_no_value",
        "test_a_waiting_order_is_in_whole_lots_after_a_split_and_cancelled_where_it_comes_to_nothing",
        "test_an_exit_that_waits_over_a_split_leaves_nothing",
        "test_a_reverse_split_cancels_no_order_and_rounds_no_share",
    ),
    "C2 wealth that jumps on a split": (
        "test_wealth_is_the_same_under_any_split",
        "test_a_market_that_splits_earns_what_the_same_market_earns_unsplit",
        "test_a_run_on_raw_prices_and_their_splits_earns_what_the_unsplit_market_earns",
    ),
    "C3 a dividend that is not paid, or not charged": (
        "test_a_dividend_is_earned_on_its_ex_date_and_paid_on_its_pay_date",
        "test_a_short_position_owes_the_dividend",
    ),
    "C4 a dividend larger than the price": (
        "test_a_dividend_as_large_as_the_price_is_refused_by_name_and_figures",
        "test_no_dividend_is_worth_the_whole_price",
    ),
    "C5 a vendor that lost its splits overnight": (
        "test_lost_splits_are_a_vintage_of_their_own",
        "test_a_split_that_the_source_lost_overnight_is_a_revision",
        "test_a_changed_past_value_is_told_with_symbol_session_old_and_new",
        "test_a_large_return_that_a_recorded_action_explains_is_explained",
        "test_an_action_cannot_count_twice",
    ),
    "C6 adjusted closes beside unadjusted opens": (
        "test_adjusted_closes_are_never_mixed_with_unadjusted_opens",
        "test_adjusted_closes_beside_raw_bars_are_named_where_the_scales_differ",
        "test_open_high_low_and_close_share_one_factor",
    ),
    "C7 adjusted prices times quantities as traded": ("test_total_returns_keep_the_dollars_that_were_traded",),
    "C8 a split that is recorded the other way round": (
        "test_a_split_that_contradicts_the_price_is_named_with_both",
        "test_a_split_recorded_the_other_way_round_is_a_revision",
    ),
    "D1 a ticker that becomes nothing": (
        "test_symbols_that_look_like_something_else_come_back_as_they_were",
        "test_symbols_stay_text",
    ),
    "D2 a missing close that becomes a return of zero": (
        "test_a_missing_close_is_never_a_return_of_zero",
        "test_a_cell_without_a_trade_is_neither_a_bar_nor_a_return_of_zero",
        "test_a_missing_bar_takes_no_place_and_no_close_stands_in_for_an_impossible_one",
    ),
    "D3 a halt that counts as flat days": (
        "test_a_halt_is_no_row_of_flat_days",
        "test_a_halt_is_neither_a_return_of_zero_nor_an_observation",
    ),
    "D4 a delisting that makes the book worth nothing known": (
        "test_a_delisted_position_is_paid_its_terminal_value",
        "test_equity_is_a_number_at_every_step_and_the_books_balance",
        "test_a_delisted_asset_is_in_no_universe_of_the_next_day",
    ),
    "D5 no price before the listing": (
        "test_an_asset_before_its_listing_is_not_missing_but_not_there",
        "test_rows_before_a_listing_are_unlisted",
    ),
    "D6 a trade where no price is made": ("test_nothing_trades_in_either_direction_where_no_price_is_made",),
    "D7 a key that has no effect": (
        "test_an_action_that_cannot_mend_a_kind_is_refused_with_those_that_can",
        "test_an_unknown_group_is_refused_with_the_one_that_was_meant",
    ),
    "J1 a kill while something is saved": (
        "test_seventy_kills_at_random_moments_lose_nothing_acknowledged",
        "test_a_thousand_kills_at_random_moments_lose_nothing_acknowledged",
        "test_a_kill_amid_any_call_loses_nothing_acknowledged",
        "test_a_run_is_forced_to_the_disk_file_by_file_before_the_rename_that_publishes_it",
    ),
    "J2 a save that fails and says nothing": (
        "test_a_refusal_at_any_call_is_a_run_error_and_loses_nothing_acknowledged",
        "test_a_disk_that_refuses_ends_the_fit_with_its_path",
    ),
    "J3 an old state that is removed before the new one is written": (
        "test_a_disk_that_refuses_a_replacement_keeps_the_old_content",
        "test_a_fit_that_was_killed_twenty_times_ends_with_the_same_bits",
    ),
    "J4 a state of several files of different moments": (
        "test_a_fit_that_was_killed_ends_with_the_same_bits",
        "test_weights_of_another_fit_are_refused",
    ),
    "J5 one bad record that hides the others": (
        "test_a_cut_keeps_what_was_acknowledged_and_reports_the_rest",
        "test_a_flipped_bit_is_found_and_located",
        "test_a_line_that_was_cut_short_is_told_before_the_work",
        "test_one_broken_run_does_not_hide_the_others",
    ),
    "J6 two runs of one second in one folder": (
        "test_runs_that_start_together_get_folders_of_their_own",
        "test_sixteen_processes_that_write_runs_at_once_get_folders_of_their_own",
        "test_sixteen_processes_that_append_five_hundred_trials_each_lose_none",
    ),
    "J7 a reader that stops a writer": (
        "test_a_reader_sees_whole_lines_while_others_append",
        "test_a_reader_waits_until_the_append_is_over",
    ),
    "J8 a table that was cut short": (
        "test_every_truncation_of_a_file_is_found",
        "test_a_run_that_lacks_a_file_or_a_part_of_it_is_listed_with_what_is_wrong",
        "test_a_truncated_file_is_named_with_its_size",
    ),
    "J9 a full disk": (
        "test_a_refusal_at_any_call_is_a_run_error_and_loses_nothing_acknowledged",
        "test_a_disk_that_fills_up_keeps_earlier_runs",
        "test_a_full_disk_comes_with_its_fix",
    ),
    "J10 a damaged cache that fails for ever": (
        "test_a_damaged_entry_is_set_aside_said_once_and_loaded_again",
        "test_processes_at_once_read_whole_panels_only",
    ),
    "J11 a clock that is set back": (
        "test_order_is_by_sequence_when_the_clock_is_set_back",
        "test_runs_stay_in_order_when_the_clock_is_set_back",
        "test_no_clock_makes_the_state_of_a_run_that_goes_on_an_old_one",
        "test_a_clock_that_is_set_back_during_a_run_does_not_shorten_it",
    ),
    "J12 a number that JSON does not have": (
        "test_a_figure_that_is_not_finite_is_refused_by_name",
        "test_numbers_that_are_not_finite_are_named_by_their_keys",
        "test_impossible_figures_are_refused",
    ),
    "J13 a number that YAML reads as text": ("test_core_schema_scalars",),
    "E1 a commission that is rounded apart from its posting": (
        "test_every_posting_of_a_run_is_that_of_exact_arithmetic",
        "test_the_commission_of_a_fill_is_the_sum_of_its_parts_and_at_least_the_least",
    ),
    "E2 a result that depends on the order of a sum": (
        "test_a_run_repeats_to_the_last_bit",
        "test_the_order_of_the_assets_changes_no_figure",
    ),
    "E3 a commission below zero, or one that is left out": (
        "test_terms_that_make_no_sense_are_refused",
        "test_every_fill_costs_something_unless_a_waiver_is_signed",
        "test_the_same_fills_at_a_higher_cost_never_leave_more",
        "test_a_cost_of_zero_needs_a_signature_and_a_signature_a_cost_of_zero",
    ),
    "E4 a last bar that is not marked, or earns from a purchase": (
        "test_a_purchase_at_the_last_bar_leaves_less_by_its_cost_and_is_marked",
        "test_the_books_always_balance",
        "test_an_open_trade_is_marked_at_what_it_holds",
    ),
    "E5 a stop that the bar of the entry ignores": (
        "test_the_bar_of_the_entry_can_reach_the_stop_and_a_target_only_from_its_open_on",
        "test_a_position_is_left_at_its_stop_before_its_target",
        "test_every_fill_lies_within_its_bar_and_the_books_balance",
    ),
    "E6 a stop that fills outside of its bar": (
        "test_every_fill_lies_within_its_bar_and_the_books_balance",
        "test_an_order_fills_where_the_bar_reaches_it_and_at_no_better_price",
    ),
    "E7 a short book that owes more than it holds": (
        "test_a_short_book_is_never_worth_less_than_nothing_without_being_halted",
        "test_a_short_sale_is_cut_to_what_can_be_borrowed",
        "test_the_books_always_balance",
    ),
    "E8 a commission solver that never ends": (
        "test_purchases_never_cost_more_than_the_cash_there_is",
        "test_purchases_are_cut_until_their_least_fees_are_paid_too",
    ),
    "E9 profits and commissions that do not reconcile": (
        "test_every_posting_of_a_run_is_that_of_exact_arithmetic",
        "test_one_fill_without_its_costs_fails",
    ),
    "E10 results that change between releases": (
        "test_the_orders_of_a_golden_run_are_those_of_the_last_release",
        "test_another_quantity_status_or_rule_is_another_hash",
        "test_the_reference_engine_in_plain_python_orders_the_same",
        "test_a2_monthly_inverse_volatility_at_the_decision_close",
    ),
    "F1 years that are calendar days over 252": (
        "test_the_sp500_from_1999_to_2018",
        "test_growth_is_by_the_years_between",
        "test_two_calendar_years_are_two_years_within_a_day",
    ),
    "F2 a rate of a year that is subtracted from every bar": (
        "test_the_annual_risk_free_rate_is_turned_into_a_rate_per_bar",
        "test_a_rate_that_is_larger_leaves_a_smaller_ratio",
        "test_a_bar_earns_the_rate_that_was_known_at_its_beginning",
    ),
    "F3 months that are annualised by 252": (
        "test_monthly_returns_are_annualised_by_twelve",
        "test_days_weeks_and_months_of_one_index_are_annualised_to_the_same",
        "test_a_benchmark_of_another_calendar_year_is_refused",
    ),
    "F4 a shortfall that is the value at risk": (
        "test_shortfall_is_at_least_value_at_risk",
        "test_shortfall_is_not_value_at_risk_of_a_published_series",
        "test_an_empty_tail_is_an_error_that_says_how_many_losses_it_needs",
        "test_the_last_loss_of_the_tail_counts_in_part",
        "test_losses_that_have_no_tail_are_refused",
        "test_the_tail_of_the_sp500",
        "test_too_few_losses_for_a_level_say_how_many_it_needs",
    ),
    "F5 a loss on the first day that is no drawdown": (
        "test_a_loss_on_the_first_day_is_a_drawdown",
        "test_a_loss_on_the_first_day_is_in_the_curve_of_returns",
        "test_the_drawdown_of_a_price_is_measured_from_its_own_peak",
    ),
    "F6 a drawdown of the wrong length": (
        "test_the_falls_of_a_hand_table_have_their_lengths_and_ends",
        "test_a_drawdown_ends_on_the_first_session_back_at_its_peak",
        "test_the_spells_hold_every_session_under_water_once",
    ),
    "F7 arguments of a rolling figure that are swapped": ("test_the_window_is_named_where_it_is_given",),
    "F8 a benchmark that changes the figures of the strategy": (
        "test_a_benchmark_changes_no_figure_of_the_curve",
        "test_a_benchmark_changes_no_figure_of_the_run",
        "test_a_curve_is_measured_alike_as_itself_and_as_a_benchmark",
    ),
    "F9 a Sortino ratio by another deviation": (
        "test_sortino_of_the_red_rock_paper",
        "test_the_order_of_returns_does_not_change_sortino_or_tail",
        "test_the_data_frame_of_empyrical",
    ),
    "F10 a test that repeats the fault": ("test_the_sheet_imports_numpy_alone",),
    "F11 a value at risk of unclear sign and level": (
        "test_losses_that_have_no_tail_are_refused",
        "test_a_tail_probability_is_read_as_confidence_with_a_warning",
        "test_a_percentage_is_refused_with_the_fix",
        "test_active_figures_are_those_of_the_definition_sheet",
    ),
    "F12 an annual ratio where one of a bar is meant": (
        "test_the_deflated_sharpe_ratio_of_the_paper",
        "test_the_probability_of_the_hedge_fund_of_bailey_and_lopez_de_prado",
    ),
    "F13 a hierarchy by an unstated distance": ("test_the_hierarchy_of_skfolio_is_that_of_the_paper",),
    "F14 a figure that is left out without a word": (
        "test_a_figure_is_a_finite_number_or_has_a_reason",
        "test_what_is_undefined_is_none_with_its_reason",
        "test_cash_is_flat_and_every_missing_figure_says_why",
    ),
    "H5 a sum in float32": ("test_means_in_the_tail_of_large_equal_losses_keep_their_digits",),
}

ALSO = {
    "A12": "Edges are made of returns, none is split into those to train and to test on, and none is sampled.",
    "A15": "Spans follow one another, so nothing is embargoed: no later sample is trained on for an earlier test.",
    "A14": "Bars are not streamed: a panel whose instants do not increase is refused.",
    "B1": "Sessions beyond what was verified are said, not refused: a forecast needs the session of tomorrow.",
    "B12": "The interface takes session labels or instants with a zone, so there is no zone to confuse.",
    "J8": "Nothing is repaired: the message names the file and its lengths, and says to restore it or to run again.",
    "J9": "What a run needs is known when it is written, so room is not estimated. Exit code 6, as of all disks.",
    "F3": "Bars a year come from the calendar of the prices, so no frequency is inferred from a curve.",
    "F11": "Below 0.5 a level is read as its complement, with a warning.",
    "D6": "Limits of one direction cannot be known from bars; where a source tells of a halt, nothing trades.",
}
"""What a row needs no test for, and why."""


@cache
def every_test() -> frozenset[str]:
    """Return the names of all test functions beside this one."""
    trees = (ast.parse(path.read_text()) for path in TESTS.rglob("test_*.py"))
    return frozenset(node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", SHOWN_BY, ids=lambda row: row.partition(" ")[0])
def test_the_tests_of_a_known_fault_exist(row):
    missing = [name for name in SHOWN_BY[row] if name not in every_test()]
    assert SHOWN_BY[row] and not missing


def test_every_row_is_there():
    rows = {row.partition(" ")[0] for row in SHOWN_BY}
    counts = {"A": 18, "B": 13, "C": 8, "D": 7, "E": 10, "F": 14, "J": 13}
    expected = {f"{part}{number}" for part, count in counts.items() for number in range(1, count + 1)}
    assert expected <= rows
    assert set(ALSO) <= rows
