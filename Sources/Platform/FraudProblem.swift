internal import Recovery

/// What the fraud commands refuse before the desk is asked.
enum FraudProblem {
    static func make(_ code: String, _ message: String, _ hint: String) -> RecoveryError {
        RecoveryError(code: code, message: message, hint: hint, exitStatus: .badInput)
    }
}
