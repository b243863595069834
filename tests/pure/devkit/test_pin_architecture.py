"""A built template allows only the architecture of its wheels."""

from pathlib import Path

import pytest
from samcli.yamlhelper import yaml_parse

from interlock_dev.build import pin_architecture
from interlock_dev.project.errors import UsageError
from interlock_dev.project.parameters import check

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(("built", "other"), [("arm64", "x86_64"), ("x86_64", "arm64")])
def test_only_the_built_architecture_is_allowed(tmp_path: Path, built: str, other: str) -> None:
    (tmp_path / "template.yaml").write_text((ROOT / "template.yaml").read_text())
    before = yaml_parse((tmp_path / "template.yaml").read_text())
    pin_architecture.main(tmp_path, built)
    after = yaml_parse((tmp_path / "template.yaml").read_text())
    declared = after["Parameters"]
    assert declared["Architecture"]["Default"] == built
    check({"Architecture": built}, declared)
    with pytest.raises(UsageError, match=f"must be one of {built}$"):
        check({"Architecture": other}, declared)
    # The rest of the template is unchanged.
    before["Parameters"]["Architecture"] = declared["Architecture"]
    assert after == before
