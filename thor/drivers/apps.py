"""Declare the app to Django, let the gate hear the bells, and start the stack where legacy mode wants it."""

from django.apps import AppConfig


class DriversConfig(AppConfig):
    """The app of `thor.drivers`."""

    name = "thor.drivers"
    label = "drivers"

    def ready(self) -> None:
        """Connect the gate to the signals of the markets; in legacy mode, in a web server, start the stack."""
        from thor.drivers.gate import open_gate, tell_empty_windows
        from thor.drivers.supervisor import start_thor_background_stack
        from thor.markets.signals import market_closed, market_opened, session_phase_changed

        for signal in (market_opened, market_closed, session_phase_changed):
            signal.connect(open_gate, dispatch_uid=f"thor.gate.{id(signal)}")
        market_opened.connect(tell_empty_windows, dispatch_uid="thor.gate.empty")
        start_thor_background_stack()
