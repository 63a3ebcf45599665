import torch

from adapt.train.record import Record


def test_curve_holds_the_mean_of_each_loss_over_the_steps_that_had_it():
    record = Record()
    assert record.add_losses(1, {"video": 1.0}, every=2) is None
    assert record.add_losses(2, {"video": 3.0, "action": 5.0}, every=2) == {"step": 2, "video": 2.0, "action": 5.0}
    record.add_losses(3, {"video": 7.0}, every=2)
    assert record.curve == [{"step": 2, "video": 2.0, "action": 5.0}]
    assert record.pending == [{"video": 7.0}]


def test_best_is_the_first_lowest_sum_and_does_not_follow_later_steps():
    record, weight = Record(), {"w": torch.zeros(1)}
    record.add_validation(0, {"video": 2.0, "action": 1.0}, weight)
    weight["w"] += 1
    record.add_validation(5, {"video": 1.0, "action": 1.5}, weight)
    weight["w"] += 1
    record.add_validation(10, {"video": 1.5, "action": 1.0}, weight)
    assert (record.best_step, record.best_score) == (5, 2.5)
    assert record.best["w"].item() == 1.0
    assert [entry["step"] for entry in record.validation] == [0, 5, 10]


def test_record_comes_back_from_its_state():
    record = Record()
    record.add_losses(1, {"video": 1.0}, every=2)
    record.add_validation(0, {"video": 2.0}, {"w": torch.ones(2)})
    assert Record.from_state(record.to_state()) == record
