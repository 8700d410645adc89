/** Asks again and again, ever more seldom: for when realtime events do not come through. */
export class Backoff {
	/**
	 * @param {function(): Promise} ask - does not reject
	 * @param {number[]} seconds - between one time and the next; the last one is repeated
	 */
	constructor(ask, seconds) {
		this.ask = ask;
		this.seconds = seconds;
		this.round = 0;
	}

	start() {
		this.stop();
		this.is_running = true;
		this.schedule();
	}

	stop() {
		this.is_running = false;
		clearTimeout(this.timer);
	}

	schedule() {
		const seconds = this.seconds[Math.min(this.round++, this.seconds.length - 1)];
		this.timer = setTimeout(async () => {
			await this.ask();
			if (this.is_running) this.schedule();
		}, seconds * 1000);
	}
}
