//! The bundled scenarios are listed, each with its question, and every one says what it is about.

use std::fs;

#[test]
fn every_bundled_scenario_is_listed_with_its_question_and_nothing_else_is() {
    let list = fs::read_to_string("scenarios/README.md").expect("the list is there");
    let entries = fs::read_dir("scenarios").expect("a folder").map(|entry| entry.expect("an entry").path());
    let scenarios: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    for path in &scenarios {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a plain name");
        assert_eq!(list.matches(&format!("| [{name}]({name}.yaml) | ")).count(), 1, "{name} is listed once");
        let text = fs::read_to_string(path).expect("a text");
        assert!(text.contains(&format!("\nname: {name}\n")), "{name} has the name of its file");
        assert!(text.contains("\nabout: >"), "{name} says what it is about");
        assert!(text.starts_with("# yaml-language-server: $schema=../docs/scenario.schema.json\n"), "{name}");
    }
    assert_eq!(list.matches(".yaml) | ").count(), scenarios.len());
}
