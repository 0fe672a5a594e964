public import ArgumentParser

/// The command line: `digitalbank <command>`.
public struct DigitalBank: AsyncParsableCommand {
    public static let configuration = CommandConfiguration(
        commandName: "digitalbank",
        abstract: "Brings a bank back from the dump that survived, and proves what it brought back.",
        discussion: """
            Start with `make up`, or with a dump of your own: digitalbank recover bank.dump
            Guides and reference are in the folder docs.
            """,
        version: "digitalbank \(productVersion)",
        subcommands: [
            RecoverCommand.self, SimulateCommand.self, UpCommand.self, DownCommand.self, CleanDataCommand.self,
            MigrateCommand.self, KeysCommand.self, EvidenceCommand.self, ServeCommand.self, UsersCommand.self,
            LintCommand.self, FraudCommand.self, LogsCommand.self, RespondCommand.self, MonitoringCommand.self,
            AutomationCommand.self, PrivacyCommand.self, BackupCommand.self, RestoreCommand.self, DrillCommand.self,
            ExportCommand.self,
            PlanCommand.self, ClusterCommand.self, BICommand.self, ReportCommand.self,
            DoctorCommand.self,
        ])

    public init() {}
}

/// The version of the whole product.
let productVersion = "0.1.0"

/// What the executable calls.
public enum CommandLineTool {
    public static func run() async { await DigitalBank.main() }
}
