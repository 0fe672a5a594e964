public import Diagnostics

/// Why a scenario, a destination or a delivery can not be.
public struct AutomationError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    static func scenario(_ name: String, _ what: String) -> AutomationError {
        AutomationError(
            code: "automation_scenario_invalid", message: "the scenario \(name) is wrong: \(what)",
            hint:
                "docs/reference/automations.md lists what a scenario may hold; try it with: digitalbank automation check"
        )
    }

    static func scenarioChanged(_ name: String) -> AutomationError {
        AutomationError(
            code: "automation_scenario_changed", message: "the scenario \(name) is another one than was looked at",
            hint: "Somebody has written it meanwhile, or its name is taken: look at it again, then write.")
    }

    static func scenarioUnknown(_ name: String) -> AutomationError {
        AutomationError(
            code: "automation_scenario_unknown", message: "there is no scenario \(name)",
            hint: "List them with: digitalbank automation list")
    }

    static func destination(_ name: String, _ what: String) -> AutomationError {
        AutomationError(
            code: "automation_destination_invalid", message: "the destination \(name) is wrong: \(what)",
            hint: "docs/reference/automations.md lists what a destination of each kind needs.")
    }

    static func address(_ host: String, _ what: String) -> AutomationError {
        AutomationError(
            code: "automation_address_refused", message: "nothing is sent to \(host): \(what)",
            hint: "Only public addresses are called; name an inner network that may be with --automation-network.")
    }

    static func event(_ what: String) -> AutomationError {
        AutomationError(
            code: "automation_event_unknown", message: "there is no such event: \(what)",
            hint: "Take a run's number from: digitalbank automation history")
    }

    static func feed(_ what: String) -> AutomationError {
        AutomationError(
            code: "automation_feed_stopped", message: what,
            hint: "Set wal_level = logical, let the owner replicate, and keep max_slot_wal_keep_size large enough.")
    }

    static func hook(_ what: String) -> AutomationError {
        AutomationError(
            code: "automation_hook_refused", message: "the message was not taken: \(what)",
            hint: "Check the hook's secret and its scheme, and the sender's clock.")
    }

    static func function(_ name: String, _ what: String) -> AutomationError {
        AutomationError(
            code: "automation_action_failed", message: "\(name) was not done: \(what)",
            hint: "See the delivery's history; replay it once the cause is gone.")
    }
}
