/// The flags of `EntityState.Item`, here again: files of a debug build do not inline each other's constants.
private let genuineFlag: UInt8 = 1
private let fraudFlag: UInt8 = 2
private let bigFlag: UInt8 = 4
private let stoppedFlag: UInt8 = 8

/// What one walk over an entity's kept payments, newest first, says at the moment of a payment.
struct EntityReading {
    struct Totals {
        var count: Int32 = 0
        var big: Int32 = 0
        var sum: Int64 = 0
        /// Age of the oldest big one, -1 for none.
        var firstBig: Int64 = -1
    }

    struct Labels {
        var known: Int32 = 0
        var frauds: Int32 = 0
        var bigFrauds: Int32 = 0
        var victims: Int32 = 0
        var firstFraud: Int64 = -1
        var firstSmallFraud: Int64 = -1
    }

    var windows: ContiguousArray<Totals> = []
    var labels: ContiguousArray<Labels> = []
    var peers: ContiguousArray<Int32> = []
    /// Ages in microseconds, -1 for none.
    var sinceLast: Int64 = -1
    var sinceBig: Int64 = -1
    var sinceFraud: Int64 = -1
    var sinceGenuine: Int64 = -1
    var sincePeer: Int64 = -1
    var peerVisits: Int32 = 0
    /// Known frauds since the last payment known to be honest.
    var run: Int32 = 0
    var runSmall: Int32 = 0
    var runAge: Int64 = -1
    var runGap: Int64 = -1
    /// Of the payment before.
    var lastPeer = PaymentEvent.absent
    private var seenPeers: Set<Int64> = []
    private var seenVictims: Set<Int64> = []

    mutating func clear(_ entity: FeaturePlan.Entity) {
        self.windows.removeAll(keepingCapacity: true)
        self.labels.removeAll(keepingCapacity: true)
        self.peers.removeAll(keepingCapacity: true)
        for _ in entity.windows { windows.append(Totals()) }
        for _ in entity.labelWindows { labels.append(Labels()) }
        for _ in entity.windows { peers.append(0) }
        sinceLast = -1
        sinceBig = -1
        sinceFraud = -1
        sinceGenuine = -1
        sincePeer = -1
        peerVisits = 0
        run = 0
        runSmall = 0
        runAge = -1
        runGap = -1
        lastPeer = PaymentEvent.absent
    }

    mutating func read(
        _ state: EntityState, _ entity: FeaturePlan.Entity, now: Int64, delay: Int64, peer: Int64
    ) {
        clear(entity)
        guard state.count > 0 else { return }
        sinceLast = now - state.lastTime
        lastPeer = state.storage.last?.peer ?? PaymentEvent.absent
        if entity.countsPeers { seenPeers.removeAll(keepingCapacity: true) }
        if entity.countsVictims { seenVictims.removeAll(keepingCapacity: true) }
        var totals = Totals()
        var labelled = Labels()
        var window = 0
        var labelWindow = 0
        let head = state.head
        state.storage.withUnsafeBufferPointer { items in
            var index = items.count - 1
            while index >= head {
                let item = items[index]
                let age = now - item.time
                while window < windows.count, age >= entity.windows[window] {
                    close(&window, totals)
                }
                while labelWindow < labels.count, age >= entity.labelWindows[labelWindow] {
                    labels[labelWindow] = labelled
                    labelWindow += 1
                }
                totals.count += 1
                totals.sum += item.minor
                if item.flags & bigFlag != 0 {
                    totals.big += 1
                    totals.firstBig = age
                    if sinceBig < 0 { sinceBig = age }
                }
                if item.peer == peer {
                    peerVisits += 1
                    if sincePeer < 0 { sincePeer = age }
                }
                if entity.countsPeers { seenPeers.insert(item.peer) }
                judge(item, age: age, delay: delay, &labelled)
                if entity.countsVictims, item.flags & fraudFlag != 0, seenVictims.insert(item.peer).inserted {
                    labelled.victims += 1
                }
                index -= 1
            }
        }
        while window < windows.count { close(&window, totals) }
        while labelWindow < labels.count {
            labels[labelWindow] = labelled
            labelWindow += 1
        }
    }

    private mutating func close(_ window: inout Int, _ totals: Totals) {
        windows[window] = totals
        peers[window] = Int32(truncatingIfNeeded: seenPeers.count)
        window += 1
    }

    /// What is known of a payment of this age: said by somebody, or genuine because the delay passed in silence
    /// after money moved.
    @inline(__always)
    private mutating func judge(_ item: EntityState.Item, age: Int64, delay: Int64, _ labelled: inout Labels) {
        if item.flags & fraudFlag != 0 {
            labelled.known += 1
            labelled.frauds += 1
            labelled.firstFraud = age
            if item.flags & bigFlag != 0 { labelled.bigFrauds += 1 } else { labelled.firstSmallFraud = age }
            if sinceFraud < 0 { sinceFraud = age }
            if sinceGenuine < 0 {
                run += 1
                if item.flags & bigFlag == 0 { runSmall += 1 }
                runAge = age
            }
        } else if item.flags & genuineFlag != 0 || (age >= delay && item.flags & stoppedFlag == 0) {
            labelled.known += 1
            if sinceGenuine < 0 {
                sinceGenuine = age
                if run > 0 { runGap = age }
            }
        }
    }
}
