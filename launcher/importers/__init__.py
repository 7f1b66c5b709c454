"""Other tools' files, read into what a profile says. Text in, plain values out; the command line reads and writes."""
