/// What a member of a channel may do there.
struct ChannelRights: Sendable, Hashable {
    var readsBroadcast = false
    var writesBroadcast = false
    var readsPresence = false
    var writesPresence = false

    static let all = ChannelRights(
        readsBroadcast: true, writesBroadcast: true, readsPresence: true, writesPresence: true)

    var readsSomething: Bool { readsBroadcast || readsPresence }
}
