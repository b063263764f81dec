import Foundation
import LatentIO
import LatentKernels
import LatentModels
import LatentNetworks

let args = CommandLine.arguments
let data = try Dataset.load("/work/shared/data/mnist/train-images-idx3-ubyte.gz")
let test = try Dataset.load("/work/shared/data/mnist/t10k-images-idx3-ubyte.gz")
let backend = try FusedBackend(threads: args.count > 3 ? Int(args[3]) : 2)
let tanhNet = args[1] == "tanh"
let architecture = Architecture(dimensions: 784, hidden: tanhNet ? [200, 200] : [400], latentDimensions: tanhNet ? 50 : 20, activation: tanhNet ? .tanh : .relu)
let vae = try VAE(VAEConfiguration(architecture: architecture, transform: .sample))
vae.initialize(for: data.rows, seed: 1)
var c = TrainingConfiguration()
c.batchSize = Int(args[2])!
c.epochs = args.count > 4 ? Int(args[4])! : 3
let trainer = try VAETrainer(vae, configuration: c, data: data, heldOut: test, backend: backend)
while !trainer.isFinished {
  let t = Date()
  let m = try trainer.trainEpoch()
  let s = Date().timeIntervalSince(t)
  print(m.epoch, -m.elbo, -(m.heldOutELBO ?? 0), s, vae.parameters.digest)
  let macs = (tanhNet ? 784*200+200*200+200*100+50*200+200*200+200*784 : 784*400+400*40+20*400+400*784)
  let flops = Double(macs) * 6 - Double(784 * (tanhNet ? 200 : 400)) * 2
  print("GFLOP/s", flops * 60000 / s / 1e9)
}
