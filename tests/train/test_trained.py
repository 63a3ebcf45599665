import torch
from train_builder import adapted_model, training

from adapt.data.samples import generator
from adapt.train.trained import choose_trained


def test_only_adapters_and_heads_receive_a_gradient(tmp_path):
    plan = training(tmp_path, joint=True)
    objective = plan.objective
    before = {name: value.clone() for name, value in objective.model.named_parameters()}
    for value in plan.trained.adapters.values():  # B starts at zero, where A has no gradient.
        value.data.normal_(generator=generator("fill"))
    samples = plan.mixture.batch(0)
    for sums in objective.sums(samples, objective.imagined(samples, 0), 0):
        torch.stack([value.mean() for value in sums.values()]).sum().backward()
    given = {name for name, value in objective.model.named_parameters() if value.grad is not None}
    assert given == set(plan.trained.tensors)
    moved = {name for name in given if objective.model.get_parameter(name).grad.abs().max() > 0}
    assert all(name.endswith("null_state") for name in given - moved)  # needed only where a state is missing
    untouched = set(before) - given
    assert untouched
    assert all(torch.equal(before[name], objective.model.get_parameter(name)) for name in untouched)


def test_heads_stay_the_bases_when_they_are_not_trained():
    trained = choose_trained(adapted_model(), bodies={"arm"}, heads=False, joint=False)
    assert trained.heads == {}
    assert all("lora_" in name for name in trained.adapters)


def test_bodies_without_data_keep_their_projections():
    model = adapted_model()
    model.add_body("other", 3, 0, seed=1)
    trained = choose_trained(model, bodies={"other"}, heads=True, joint=False)
    assert any(".bodies.other." in name for name in trained.heads)
    assert not any(".bodies.arm." in name or "joint" in name for name in trained.heads)


def test_summary_counts_what_is_trained():
    model = adapted_model()
    trained = choose_trained(model, bodies={"arm"}, heads=True, joint=False)
    summary = trained.summary()
    assert summary["adapters"]["parameters"] == sum(value.numel() for value in trained.adapters.values())
    counted = summary["adapters"]["parameters"] + summary["heads"]["parameters"]
    assert summary["share"] == counted / sum(value.numel() for value in model.parameters())
    assert f"{summary['adapters']['parameters']:,} parameters" in trained.describe()
