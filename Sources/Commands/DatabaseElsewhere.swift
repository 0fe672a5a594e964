internal import ArgumentParser

/// A bank whose database others run.
struct DatabaseElsewhere: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            A database that others run, in place of the one in --data-dir; its password comes from PGPASSWORD. Without it \
            DIGITALBANK_DATABASE counts where --data-dir has no bank.
            """, valueName: "dsn"))
    var database: String?
}
