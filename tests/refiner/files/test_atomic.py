import pytest

from refiner.files.atomic import replacing


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "state.json"
    file.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(file) as part:
        part.write_text("half")
        assert file.read_text() == "old"
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
    assert file.read_text() == "old"
    with replacing(file) as part:
        part.write_text("new")
    assert file.read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["state.json"]
