internal import Monitoring
internal import NIOCore
internal import NIOPosix
internal import ServiceLifecycle

/// Asks each event loop once a second how late it is.
struct LagWatch: Service {
    let meter: LagMeter

    func run() async throws {
        let meter = meter
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                for loop in MultiThreadedEventLoopGroup.singleton.makeIterator() {
                    let due = NIODeadline.now() + .milliseconds(10)
                    loop.scheduleTask(deadline: due) {
                        meter.record(seconds: Double((NIODeadline.now() - due).nanoseconds) / 1e9)
                    }
                }
                try? await Task.sleep(for: .seconds(1))
            }
        }
    }
}
