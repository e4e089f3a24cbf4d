# Each target is a line or two: the work is done in scripts/.
.DEFAULT_GOAL := help
.PHONY: help run demo test test-compose test-kill check bench lock up down

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

run: ## install if need be, then run all stages; page on http://127.0.0.1:8000
	@scripts/start.sh run

demo: ## the same with a sample town: warnings within a minute, no internet
	@scripts/start.sh demo

test: ## the gate: lint, types, import rules and every test
	@scripts/gate.sh all

check: ## the gate without the tests that need Kafka, ClickHouse or a browser
	@scripts/gate.sh fast

test-compose: ## bring docker-compose.yml up for real (podman): a feed in, a warning out, a kill
	@scripts/test-compose.sh

test-kill: ## kill -9 everywhere, then compare all counts; KILLS=200 POSTS=100000 KILL_SECONDS=900 SEED=7
	@scripts/kill.sh

bench: ## measure speed and memory
	@scripts/bench.sh

lock: ## make the lock files anew from pyproject.toml (needs uv)
	@scripts/lock.sh

up: ## build the image and start server mode (Kafka, ClickHouse, a service per stage)
	@scripts/compose.sh up

down: ## stop server mode; its data stays
	@scripts/compose.sh down
