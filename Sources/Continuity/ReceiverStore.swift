internal import Postgres

/// The receiver's replication slot.
enum ReceiverStore {
    static let endFormer: Statement = """
        select pg_terminate_backend(active_pid, 5000) from pg_replication_slots
        where slot_name = \(LogReceiver.name) and active_pid is not null
        """

    static let makeSlot: Statement = """
        select pg_create_physical_replication_slot(\(LogReceiver.name), true)
        where not exists (select from pg_replication_slots where slot_name = \(LogReceiver.name))
        """

    static let isStreaming: Statement = """
        select exists (
            select from pg_stat_replication where application_name = \(LogReceiver.name) and state = 'streaming')
        """
}
