import ArgumentParser

struct SampleCommand: ParsableCommand {
}
