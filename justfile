# Lists the recipes.
default:
    @just --list

# Format, lint, tests, docs: what every change must pass.
ci:
    .ci/run

# Reruns every bundled scenario into reports/, and the sweeps and comparisons that have a summary there. Commit what changes on its own, and say why under "Results changed".
bless:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --release --locked
    for scenario in scenarios/*.yaml; do
      # A scenario may show how an objective is missed (3) or stays undecided (4).
      target/release/streamgauge run "$scenario" --format none || (( $? == 3 || $? == 4 ))
    done
    for scenario in $(grep -l '^sweep:' scenarios/*.yaml); do
      # A sweep takes what it finds there for its own points.
      rm -rf "reports/$(basename "$scenario" .yaml)-sweep"
      target/release/streamgauge sweep "$scenario" --format none
    done
    for scenario in $(grep -l '^variants:' scenarios/*.yaml); do
      target/release/streamgauge compare "$scenario" --out "reports/$(basename "$scenario" .yaml)-compare" > /dev/null || (( $? == 3 || $? == 4 ))
    done
    # The tables of runs are too large to commit, except for those of the quick start: a digest each will do.
    cd reports
    for scenario in ../scenarios/*.yaml; do
      LC_ALL=C sha256sum "$(basename "$scenario" .yaml)"/*.csv
    done > csv.sha256
