"""Transition laws: peers behind one small protocol."""
