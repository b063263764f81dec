import ArgumentParser

struct ScoreCommand: ParsableCommand {
}
