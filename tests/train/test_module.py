from dataclasses import replace

import pytest
from train_builder import training

from adapt.train.module import Adaptation


@pytest.mark.parametrize(("new_body", "rate"), [(False, 1e-5), (True, 1e-3)])
def test_heads_learn_gently_unless_a_body_is_new_to_them(tmp_path, new_body, rate):
    plan = training(tmp_path, adapter_learning_rate=2e-3, head_learning_rate=1e-5, new_body_learning_rate=1e-3)
    groups = Adaptation(replace(plan, new_body=new_body)).configure_optimizers().param_groups
    assert {group["name"]: group["peak"] for group in groups} == {"adapters": 2e-3, "heads": rate}


def test_optimiser_holds_what_is_trained_and_nothing_else(tmp_path):
    plan = training(tmp_path)
    held = [value for group in Adaptation(plan).configure_optimizers().param_groups for value in group["params"]]
    assert {id(value) for value in held} == {id(value) for value in plan.trained.tensors.values()}
