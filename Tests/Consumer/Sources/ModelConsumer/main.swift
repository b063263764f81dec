// A backend of our own behind Latent's variational autoencoder, unchanged: the same parameters, bit
// for bit, and every operation passes through it.
import Counting
import LatentIO
import LatentKernels
import LatentModels
import LatentNetworks

func train(on backend: any Backend) throws -> (digest: String, elbo: Double) {
  let digits = try Dataset.digitsSplit()
  let model = try VAE(
    VAEConfiguration(
      architecture: Architecture(dimensions: 64, hidden: [32], latentDimensions: 4),
      transform: .sample))
  try model.initialize(for: digits.training.rows, seed: 1)
  var configuration = TrainingConfiguration()
  configuration.epochs = 3
  let trainer = try VAETrainer(
    model, configuration: configuration, data: digits.training, heldOut: digits.heldOut,
    backend: backend)
  while !trainer.isFinished { _ = try trainer.trainEpoch() }
  return (model.parameters.digest, trainer.progress.history.last!.elbo)
}

let counting = try CountingBackend()
let mine = try train(on: counting)
let expected = try train(on: FusedBackend())
guard mine == expected, counting.operations > 1000 else {
  fatalError("expected \(expected) through the counting backend, found \(mine)")
}
print("ELBO \(mine.elbo) nats, operations counted: \(counting.operations)")
