// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import ArgumentParser

/// The command line of nfschurn: a tree of commands, without any logic of its own.
@main
struct NFSChurn: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nfschurn",
    abstract: "Churns the state of an NFSv4 server on a modelled kernel allocator, and says what exhausts its map.",
    discussion: """
      EXAMPLES
        nfschurn run workloads/connectathon-basic.yaml --passes 20
        nfschurn run workloads/macklem-zone-leak.yaml --until-panic

      EXIT CODES
        0 done; 1 a test failed or an internal error; 2 bad input; 3 the modelled kernel panicked; 64 wrong usage;
        130 interrupted
      """,
    version: "nfschurn 0.1.0",
    subcommands: [
      RunCommand.self, CompareCommand.self, ReplayCommand.self, ServeCommand.self, CthonCommand.self,
      ModelsCommand.self,
    ])

  static func main() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as CommandFailure {
      failure.exit()
    } catch {
      // ArgumentParser prints help, versions and usage errors; everything of ours is a CommandFailure.
      exit(withError: error)
    }
  }
}
