"""`huisheng check` as a user runs it: what it prints, from where it takes posts, how it exits."""

import json
from pathlib import Path

import pytest
from typer.testing import Result

from analyzers.rule_use import FEWEST_POSTS
from monitor.runfile import DataFolder
from storage.posts import insert_posts
from tests.engines.process import free_port
from tests.made import minutes, raw_post, tagged
from tests.monitor.test_cli import answering, huisheng
from tests.stores import chdb_store

WARNING, HINT = "校裤|校裤\n", "校服太贵|太贵\n"
UNUSED = "unused on recent posts"


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A folder with a config of two quiet rules, and no other."""
    for name in ("topics/uniforms", "danger", *(f"owed/{kind}" for kind in OWED)):
        path = tmp_path / "config" / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("[衣]\n校服\n", "utf-8")
    return tmp_path


OWED = ("question", "complaint", "suggestion", "claim_to_verify")


def write(where: Path, rules: str) -> None:
    (where / "config" / "topics" / "uniforms.txt").write_text(rules, "utf-8")


def check(where: Path, *options: str) -> Result:
    return huisheng("check", *options, where=where)


def test_quiet_rules_are_told_in_three_lines(where: Path) -> None:
    done = check(where)
    assert (done.exit_code, done.stderr) == (0, "")
    heading, posts, new = done.stdout.splitlines()
    assert heading == "config: ok — 0 sources, 0 units, 1 topics"
    assert posts.startswith("近期帖子 recent posts: 没有 none")
    assert new.startswith("模型不认识的词 words that the model does not know: 1（校服）")


def test_without_a_model_no_word_is_new_to_it(where: Path) -> None:
    (where / "config" / "huisheng.toml").write_text('[analyze]\nmodel = "none"\n', "utf-8")
    assert "模型不认识" not in check(where).stdout


def test_an_error_fails_and_is_told_with_its_place_and_remedy(where: Path) -> None:
    write(where, "校服\n校裤太短\n!校裤\n")
    done = check(where)
    assert done.exit_code == 1
    assert done.stdout.startswith("config: 1 errors in the rules — ")
    assert (
        "错误 error  config/topics/uniforms.txt:2: 校裤太短 never counts: 校裤 in it is shut out; "
        "take one of them out; shut out by line 3"
    ) in done.stdout
    assert "自相矛盾 conflicts（1）" in done.stdout


def test_warnings_fail_when_strict_and_hints_do_not(where: Path) -> None:
    write(where, WARNING)
    assert check(where).exit_code == 0
    assert check(where, "--strict").exit_code == 1
    write(where, HINT)
    assert check(where, "--strict").exit_code == 0


def test_a_summary_comes_first_and_all_of_it_when_asked_for(where: Path) -> None:
    words = "|".join(f"校{chr(0x4E00 + number)}" for number in range(8))
    write(where, f"{words}|{words}\n{HINT}")
    done = check(where)
    table, _, listed = done.stdout.partition("重复 said twice（8）")
    assert [cell.strip() for cell in table.splitlines()[-3].split("│")[1:5]] == [
        "config/topics/uniforms.txt",
        "-",
        "8",
        "1",
    ]
    assert listed.count("warning  config/topics/uniforms.txt:1: ") == 5
    assert "另有 4 条未列出" in listed
    whole = check(where, "--verbose").stdout
    assert whole.count("warning  config/topics/uniforms.txt:1: ") == 8
    assert "hint  config/topics/uniforms.txt:2: 校服太贵 finds nothing that" in whole


def test_bad_lines_of_all_files_are_told_and_nothing_else(where: Path) -> None:
    write(where, "/(/\n校服\n!\n")
    (where / "config" / "danger.txt").write_text("/*/\n", "utf-8")
    done = check(where)
    assert (done.exit_code, done.stdout) == (2, "")
    assert [line.partition(": ")[0] for line in done.stderr.splitlines()] == [
        "config/danger.txt:1",
        "config/topics/uniforms.txt:1",
        "config/topics/uniforms.txt:3",
    ]


def test_posts_of_a_file_of_json_lines(where: Path) -> None:
    write(where, "[衣]\n校裤\n")
    lines = [json.dumps({"id": str(number), "body": "校服"}) for number in range(FEWEST_POSTS)]
    (where / "posts.jsonl").write_text("\n".join(lines), "utf-8")
    done = check(where, "--recent", "posts.jsonl", "--verbose")
    assert done.exit_code == 0
    assert "近期帖子 recent posts: 200（posts.jsonl）" in done.stdout
    assert "uniforms.txt:1: [衣] matches none of 200 posts" in done.stdout
    assert "danger.txt:1: [衣] matches 100% of 200 posts" in done.stdout
    (where / "posts.jsonl").write_text("\n".join([*lines[:-1], "no json"]), "utf-8")
    done = check(where, "--recent", "posts.jsonl")
    assert done.exit_code == 1
    assert done.stderr.startswith("posts.jsonl:200: not JSON")
    assert "199（posts.jsonl）；不足 200 帖" in done.stdout
    assert UNUSED not in done.stdout


def test_posts_of_a_csv(where: Path) -> None:
    rows = "".join(f'{number},"校服\n太贵"\n' for number in range(FEWEST_POSTS))
    (where / "posts.csv").write_text(f"id,body\n{rows}", "utf-8-sig")
    done = check(where, "--recent", "posts.csv", "--strict")
    assert "近期帖子 recent posts: 200（posts.csv）" in done.stdout
    assert "matches 100% of 200 posts" in done.stdout
    assert done.exit_code == 1


@pytest.mark.parametrize(
    ("name", "content", "finding"),
    [
        ("none.jsonl", None, "none.jsonl: can't be read"),
        ("posts.csv", b"id,text\n1,2\n", "posts.csv:1: has no column title or body, but id, text"),
        ("posts.csv", "body\n校服\n".encode("gb18030"), "posts.csv: can't be read"),
        ("posts.csv", b"", "posts.csv:1: has no column title or body, but none"),
    ],
)
def test_a_file_that_holds_no_posts(
    where: Path, name: str, content: bytes | None, finding: str
) -> None:
    if content is not None:
        (where / name).write_bytes(content)
    done = check(where, "--recent", name)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(finding)


@pytest.fixture
def stored(where: Path) -> Path:
    """A store with posts, on which nothing runs."""
    (where / "data").mkdir()
    with chdb_store(where / "data") as store:
        posts = [
            raw_post(str(number), raw_post().counted_at + minutes(number), title="校服")
            for number in range(FEWEST_POSTS)
        ]
        insert_posts(store, [tagged(post) for post in posts])
    return where


def test_posts_of_the_store_when_nothing_runs(stored: Path) -> None:
    done = check(stored)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "近期帖子 recent posts: 200（数据库 store）" in done.stdout
    assert "matches 100% of 200 posts" in done.stdout


def test_posts_of_the_running_process(where: Path) -> None:
    answer = b'{"title":"","body":"' + "校服".encode() + b'"}\n'
    folder = DataFolder(where / "data")
    with answering(answer * FEWEST_POSTS) as port:
        folder.announce("127.0.0.1", port, "token")
        done = check(where)
    folder.close()
    assert done.exit_code == 0
    assert "matches 100% of 200 posts" in done.stdout


def test_a_process_that_does_not_answer_holds_nothing_up(where: Path) -> None:
    folder = DataFolder(where / "data")
    folder.announce("127.0.0.1", free_port(), "token")
    done = check(where)
    folder.close()
    assert done.exit_code == 0
    assert done.stderr.startswith("recent posts: process ")
    assert "没有 none" in done.stdout


def test_the_rules_that_ship_have_no_errors(tmp_path: Path) -> None:
    huisheng("init", where=tmp_path)
    done = check(tmp_path)
    assert done.exit_code == 0, done.stdout
