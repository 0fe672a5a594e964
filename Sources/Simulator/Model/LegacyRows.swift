/// Rows of the legacy tables as `COPY` text.
struct LegacyRows: Sendable {
    let bank: LegacyBank
    /// Rows of `clients` that are not written.
    let gone: Set<Int>

    struct Table: Sendable {
        let name: String
        let columns: [String]
        let count: Int
        /// Writes row `index`, or nothing when that row is gone.
        let write: @Sendable (Int, inout TextLine) -> Void
    }

    var tables: [Table] {
        [clients, accounts, cards, operations, beneficiaries, orders, staff, journal, statements]
    }

    private var clients: Table {
        Table(
            name: "clients",
            columns: [
                "id", "civilite", "nom", "prenom", "email", "telephone", "adresse", "code_postal", "ville",
                "date_naissance", "mot_de_passe", "nir", "cree_le",
            ],
            count: bank.clients.count
        ) { index, line in
            if gone.contains(index) { return }
            let client = bank.clients[index]
            line.number(client.id)
            for text in [
                client.isMale ? "M." : "Mme", client.lastName, client.firstName, client.email, client.phone,
                client.street,
                client.postcode, client.city,
            ] {
                line.tab()
                line.text(text)
            }
            line.tab()
            line.date(client.birthDay)
            line.tab()
            line.text("\(client.city.lowercased())\(client.id % 97)")
            line.tab()
            line.text(client.socialNumber)
            line.tab()
            line.timestamp(client.createdAt)
            line.endLine()
        }
    }

    private var accounts: Table {
        Table(
            name: "comptes",
            columns: [
                "id", "client_id", "iban", "bic", "type", "devise", "solde", "decouvert_autorise", "ouvert_le",
                "statut",
            ],
            count: bank.accounts.count
        ) { index, line in
            let account = bank.accounts[index]
            line.number(account.id)
            line.tab()
            line.number(account.client)
            line.tab()
            line.raw("\(account.iban)\t\(AccountNumbers.bic)\t\(account.kind.rawValue)\tEUR\t")
            line.decimal(account.balance)
            line.tab()
            line.decimal(account.overdraft)
            line.tab()
            line.date(account.openedOn)
            line.raw("\tactif\n")
        }
    }

    private var cards: Table {
        Table(
            name: "cartes",
            columns: ["id", "compte_id", "pan", "expiration", "cvv", "reseau", "plafond", "statut", "emise_le"],
            count: bank.cards.count
        ) { index, line in
            let card = bank.cards[index]
            line.number(card.id)
            line.tab()
            line.number(card.account)
            line.raw("\t\(card.pan)\t")
            line.date(card.expiry)
            line.tab()
            line.padded(card.cvv, 3)
            line.raw("\t\(card.network)\t")
            line.decimal(card.ceiling)
            line.raw("\tactive\t")
            line.date(card.issuedOn)
            line.endLine()
        }
    }

    private var operations: Table {
        Table(
            name: "transactions",
            columns: [
                "id", "compte_id", "date_operation", "date_valeur", "montant", "type", "libelle", "contrepartie_nom",
                "contrepartie_iban", "carte_id", "solde_apres", "reference",
            ],
            count: bank.operations.count
        ) { index, line in Self.write(bank.operations[index], &line) }
    }

    private static func write(_ operation: LegacyOperation, _ line: inout TextLine) {
        line.number(operation.id)
        line.tab()
        line.number(operation.account + 1)
        line.tab()
        line.timestamp(operation.at)
        line.tab()
        let day = operation.at / 86_400
        line.date(operation.kind == .carte ? CivilDate.nextOpenDay(from: day + 1) : day)
        line.tab()
        line.decimal(operation.amount)
        line.tab()
        line.raw(operation.kind.rawValue)
        line.tab()
        if operation.kind == .carte {
            let parts = CivilDate.parts(day)
            line.raw("CB ")
            line.text(operation.label)
            line.byte(32)
            line.padded(parts.day, 2)
            line.byte(47)
            line.padded(parts.month, 2)
        } else {
            line.text(operation.label)
        }
        line.tab()
        if let counterpart = operation.counterpart {
            line.text(counterpart.name)
            line.tab()
            line.text(counterpart.iban)
        } else {
            line.raw("\\N\t\\N")
        }
        line.tab()
        if let card = operation.card { line.number(card + 1) } else { line.null() }
        line.tab()
        if let balance = operation.balanceAfter { line.decimal(balance) } else { line.null() }
        line.tab()
        if let reference = operation.reference {
            line.raw("VIR")
            line.padded(reference, 10)
        } else {
            line.null()
        }
        line.endLine()
    }
}
