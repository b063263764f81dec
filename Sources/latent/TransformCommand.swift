import ArgumentParser

struct TransformCommand: ParsableCommand {
}
