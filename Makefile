.PHONY: demo test lint bench benchmark

demo:
	./dev/demo

test:
	./dev/test

lint:
	./dev/lint

bench:
	./dev/bench up

benchmark:
	./dev/benchmark
