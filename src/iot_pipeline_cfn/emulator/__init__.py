"""The local AWS emulator: ministack with more resource types and with patches."""
