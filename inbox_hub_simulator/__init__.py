"""A stand-in Inbox Hub: the service's API, its webhooks and its faults, on one port of this machine.

To develop, demonstrate, test and measure against; never shipped with the app. What it imitates, and how strictly, is
what `docs/hub.md` says of the real one. Start it with `python -m inbox_hub_simulator`, or from Python with
`inbox_hub_simulator.control.Simulator`.
"""
