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
    for folder in reports/*-sweep; do
      name=$(basename "$folder" -sweep)
      # A sweep takes what it finds there for its own points.
      rm -r "$folder"
      target/release/streamgauge sweep "scenarios/$name.yaml" --format none
    done
    for folder in reports/*-compare; do
      name=$(basename "$folder" -compare)
      target/release/streamgauge compare "scenarios/$name.yaml" --out "$folder" > /dev/null
    done
    # The tables of runs are too large to commit, except for those of the quick start: a digest each will do.
    cd reports
    for scenario in ../scenarios/*.yaml; do
      LC_ALL=C sha256sum "$(basename "$scenario" .yaml)"/*.csv
    done > csv.sha256
