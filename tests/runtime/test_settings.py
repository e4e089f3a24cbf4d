"""Config folders: what is read, and what each mistake is told as."""

from pathlib import Path

import pytest

from runtime.config import Settings
from runtime.settings import SHIPPED, ConfigProblems, load_config
from schemas.posts import SourceKind

SOURCE = '[[source]]\nid = "a"\nname = "A"\nkind = "forum"\nurl = "http://a.example/"\n'


def problems(folder: Path, name: str, text: str | bytes) -> list[str]:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigProblems) as found:
        load_config(folder)
    return [line.removeprefix(f"{folder}/") for line in found.value.problems]


def test_the_shipped_rules_are_a_valid_config() -> None:
    config = load_config(SHIPPED)
    assert {"food_safety", "not_education", "praise"} <= {topic.key for topic in config.topics}
    silent = {topic.key for topic in config.topics if not topic.forms_matter}
    assert silent == {"not_education", "praise"}
    harm = {topic.key for topic in config.topics if topic.harm}
    assert harm == {
        "food_safety",
        "injury_accident",
        "bullying_violence",
        "health_epidemic",
        "mental_health",
    }
    assert config.settings == Settings()
    assert len(config.topics) == 18


def test_the_shipped_files_state_the_defaults(tmp_path: Path) -> None:
    """What `init` writes changes nothing by itself."""
    shipped, empty = load_config(SHIPPED), load_config(tmp_path)
    assert shipped.settings == empty.settings
    assert shipped.alerts == empty.alerts


def test_what_a_folder_lacks_comes_from_the_shipped_rules(tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text(SOURCE, "utf-8")
    config = load_config(tmp_path)
    assert [source.kind for source in config.sources] == [SourceKind.FORUM]
    assert config.topics == load_config(SHIPPED).topics


def test_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "huisheng.toml").write_text("[page]\nport = 9000\nhost = '::1'\n", "utf-8")
    monkeypatch.setenv("HUISHENG_PAGE__PORT", "9001")
    page = load_config(tmp_path).settings.page
    assert (page.host, page.port) == ("::1", 9001)
    monkeypatch.setenv("HUISHENG_PAGE__PORT", "many")
    with pytest.raises(ConfigProblems, match=r"environment HUISHENG_PAGE__PORT: .*'many'"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        (
            "HUISHENG_BUS__BROKERS",
            "geheim:9092",
            "is no JSON; write it as in HUISHENG_BUS__BROKERS=",
        ),
        ("HUISHENG_STOER__DSN", "http://geheim", "HUISHENG_STOER__DSN: unknown table; known here"),
    ],
)
def test_a_variable_that_can_not_be_used_is_told_without_its_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, told: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigProblems) as found:
        load_config(tmp_path)
    (problem,) = found.value.problems
    assert told in problem
    assert value not in problem


def test_a_password_that_is_no_text_is_not_shown(tmp_path: Path) -> None:
    found = problems(tmp_path, "huisheng.toml", "[store]\npassword = 271828\n")
    assert found == [
        "huisheng.toml: store.password: input should be a valid string; write it as text, in quotes"
    ]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("huisheng.toml", "[page]\nprot = 1", "page.prot: unknown key; did you mean port?"),
        ("huisheng.toml", "[pages]\nport = 1", "pages: unknown key; did you mean page?"),
        ("huisheng.toml", '[page]\nport = "ten"', "page.port: input should be a valid integer"),
        ("huisheng.toml", "[page]\nport = 99999", "page.port: input should be less than or equal"),
        ("huisheng.toml", "[page\nport = 1", "not TOML: "),
        ("huisheng.toml", "名=1".encode("gb18030"), "not UTF-8 at byte 0; save the file as UTF-8"),
        ("sources.toml", '[[source]]\nid = "a"', "source[1].name: is missing; add it"),
        ("sources.toml", SOURCE.replace("forum", "forun"), "source[1].kind: input should be"),
        ("sources.toml", SOURCE.replace("http:", "ftp:"), "source[1].url: string should match"),
        ("sources.toml", SOURCE * 2, "source[2].id: 'a' is already the id of source[1]; give each"),
        (
            "units.toml",
            '[[unit]]\nname = "一小"\n[[unit]]\nname = "二小"\naliases = ["一小"]',
            "unit[2]: '一小' already names '一小', and '二小' has no area; take it from",
        ),
        (
            "units.toml",
            '[[unit]]\nname = "一小"\narea = "甲"\n[[unit]]\nname = "二小"\naliases = ["一小"]',
            "unit[2]: '一小' already names '一小', and '二小' has no area; take it from",
        ),
        (
            "units.toml",
            '[[unit]]\nname = "甲"\narea = "东"\naliases = ["ＡＢ 小"]\n'
            '[[unit]]\nname = "乙"\narea = "东"\naliases = ["ab小"]',
            "unit[2]: 'ab小' already names '甲' in '东'; take it from one of them",
        ),
        (
            "units.toml",
            '[[unit]]\nname = "一小"\narea = "东"\n[[unit]]\nname = "一小"\narea = "西"',
            "unit[2].name: '一小' already names another unit; give each its full name",
        ),
        ("alerts.toml", 'key_topics = ["food"]', "key_topics: no topic 'food'; known: boarding"),
        ("alerts.toml", "[tier2]\nvolume = -1", "tier2.volume: input should be greater than"),
        (
            "calendar.toml",
            '[[period]]\nname = "x"\nstart = 2027-06-18T00:00:00\nend = 2027-06-21T00:00:00',
            "period[1].start: input should have timezone info",
        ),
        ("calendar.toml", '[[period]]\nname = "x"', "period[1].start: is missing; add it"),
    ],
)
def test_each_mistake_is_told_with_file_key_finding_and_remedy(
    tmp_path: Path, name: str, text: str | bytes, told: str
) -> None:
    found = problems(tmp_path, name, text)
    assert found[0].startswith(f"{name}: {told}")
    assert ";" in found[0]


def test_units_of_two_areas_may_share_an_alias(tmp_path: Path) -> None:
    unit = '[[unit]]\nname = "{0}区一中"\narea = "{0}区"\naliases = ["一中", "一中"]\n'
    (tmp_path / "units.toml").write_text(unit.format("东") + unit.format("西"), "utf-8")
    assert [one.area for one in load_config(tmp_path).units] == ["东区", "西区"]


def test_a_topic_file_with_an_unknown_header_is_told(tmp_path: Path) -> None:
    (tmp_path / "topics").mkdir()
    found = problems(tmp_path, "topics/water.txt", "@name 供水\n@harmful\n停水\n")
    assert found == [
        "topics/water.txt: @harmful: unknown; known here: @name, @name-en, @harm, @no-matter"
    ]


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "alerts.toml").write_text("[tier9]\n", "utf-8")
    found = problems(tmp_path, "huisheng.toml", "[page]\nport = 'x'\nhots = 1\n")
    assert [line.split(":")[0] for line in found] == ["huisheng.toml"] * 2 + ["alerts.toml"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblems, match="no such folder; `huisheng init` writes one"):
        load_config(tmp_path / "none")
