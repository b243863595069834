"""`python -m interlock_dev.build.pin_architecture BUILD ARCHITECTURE` restricts the built template to the architecture
that its layers were built for: nothing else would report wheels that the functions cannot load."""

import sys
from pathlib import Path

from samcli.yamlhelper import yaml_dump, yaml_parse

PARAMETER = "Architecture"


def main(build: Path, architecture: str) -> None:
    """Rewrite `template.yaml` in the folder, so that CloudFormation rejects other architectures."""
    file = build / "template.yaml"
    template = yaml_parse(file.read_text())
    template["Parameters"][PARAMETER] |= {"Default": architecture, "AllowedValues": [architecture]}
    file.write_text(yaml_dump(template))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
