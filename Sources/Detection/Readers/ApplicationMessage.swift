/// Events of applications by name: the bank's portal speaks French, others English.
enum ApplicationMessage {
    static func classify(_ event: inout LogEvent) {
        let action = event.action
        guard !action.isEmpty else { return }
        switch action.count {
        case 5 where action.equalsIgnoringCase("login"): event.kind = event.status >= 400 ? .loginFailure : .login
        case 6 where action.equalsIgnoringCase("logout"): event.kind = .logout
        case 6 where action.equalsIgnoringCase("export"): event.kind = .export
        case 6 where action.equalsIgnoringCase("signin"): event.kind = .login
        case 8 where action.equalsIgnoringCase("virement"), 8 where action.equalsIgnoringCase("transfer"):
            event.kind = .transfer
        case 9 where action.equalsIgnoringCase("connexion"): event.kind = .login
        case 11 where action.equalsIgnoringCase("deconnexion"): event.kind = .logout
        case 12 where action.equalsIgnoringCase("login_failed"), 13 where action.equalsIgnoringCase("login_failure"),
            11 where action.equalsIgnoringCase("login_error"), 15 where action.equalsIgnoringCase("echec_connexion"),
            14 where action.equalsIgnoringCase("failed_attempt"), 12 where action.equalsIgnoringCase("login-failed"),
            11 where action.equalsIgnoringCase("auth_failed"):
            event.kind = .loginFailure
        case 13 where action.equalsIgnoringCase("login_success"), 15 where action.equalsIgnoringCase("login_succeeded"):
            event.kind = .login
        default: break
        }
    }
}
