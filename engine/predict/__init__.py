"""Many images asked in a stream: tables and sorted folders."""
