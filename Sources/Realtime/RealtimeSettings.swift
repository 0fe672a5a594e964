/// What the hub reads and how much it holds.
public struct RealtimeSettings: Sendable {
    /// The permanent slot. One hub reads it at a time; a second server needs a slot of its own.
    public var slot = "digitalbank_realtime"
    /// The publication whose tables clients may follow.
    public var publication = "supabase_realtime"
    /// The publication of `realtime.messages`.
    public var messagesPublication = "supabase_realtime_messages_publication"
    /// Tables without row level security that may be followed all the same, as `schema.table`.
    public var openTables: Set<String> = []
    /// Roles that see tables without row level security.
    public var trustedRoles: Set<String> = ["service_role"]
    /// Channels that anybody with a key may join.
    public var allowsPublicChannels = true
    public var limits = Limits()

    public init() {}

    public struct Limits: Sendable {
        /// Bytes of one frame from a client.
        public var frameBytesMax = 1 << 20
        /// Bytes of one change; a larger one is sent with its large values left out.
        public var changeBytesMax = 1 << 20
        public var channelsPerSessionMax = 100
        public var subscriptionsPerChannelMax = 100
        public var subscriptionsPerSessionMax = 200
        public var filterConditionsMax = 10
        public var topicBytesMax = 255
        /// Messages of one client in a second; a burst of twice that passes.
        public var messagesPerSecond = 100
        public var joinsPerSecond = 100
        /// Presence messages of one client in `presenceWindow`.
        public var presenceCallsMax = 30
        public var presenceWindow: Duration = .seconds(30)
        public var presenceKeysPerTopicMax = 10_000
        /// What one member may say of itself, and all of them together.
        public var presenceBytesMax = 64 << 10
        public var presenceBytesInAllMax = 64 << 20
        public var sessionsMax = 100_000
        /// Changes kept for those who come back.
        public var logChangesMax = 100_000
        public var logBytesMax = 64 << 20
        /// Bytes of the server's log that the slot may hold back so that changes outlive a restart of ours.
        public var slotBytesKept: UInt64 = 64 << 20
        /// Changes that are looked at together.
        public var batchMax = 256
        /// Frames held for a subscriber that is catching up; more is a gap.
        public var pendingMax = 10_000
        /// How long the rights of a role on a table are believed.
        public var accessAge: Duration = .seconds(1)
        /// For one look at a batch by one group of subscribers.
        public var checkTimeout: Duration = .seconds(2)
        /// For one look at a batch by all filters with patterns of one socket, and of all sockets together. Those that
        /// need longer deliver nothing any more.
        public var patternTimeMax: Duration = .seconds(2)
        public var patternTimeInAllMax: Duration = .seconds(4)
        public var replayMessagesMax = 25
        /// How long a join waits for the feed to be up.
        public var readyWaitMax: Duration = .seconds(5)

        public init() {}
    }
}
