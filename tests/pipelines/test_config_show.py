from pipelines import config_show


def rows_by_key(*arguments):
    return {row.key: row for row in config_show.run(*arguments)}


def test_each_key_has_value_type_meaning_and_origin():
    row = rows_by_key("human", ["train.steps=9"])["train.steps"]
    assert (row.value, row.type, row.origin) == (9, "int", "--set")
    assert row.doc == "Optimiser steps."


def test_a_key_no_file_speaks_of_is_a_default():
    assert rows_by_key("human")["windows.max_chunks"].origin == "default"


def test_the_text_tells_every_key_with_value_type_origin_and_meaning():
    text = config_show.as_text(config_show.run("human", ["train.steps=9"])).plain
    assert "train.steps = 9   (int; --set)\n    Optimiser steps.\n" in text
    assert "windows.max_chunks = 4   (int; default)\n" in text
    assert all(f"{row.key} = " in text for row in config_show.run("human"))
