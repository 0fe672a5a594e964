import Charts

/// One picture of each kind, from figures that are the same for ever.
enum Gallery {
    static let all: [(name: String, chart: any Chart, size: ChartSize)] = [
        ("line", line, .wide), ("long", long, .wide), ("bars", bars, .wide), ("stacked", stacked, .wide),
        ("rank", rank, rank.size(width: 480)), ("reasons", reasons, reasons.size(width: 480)),
        ("donut", donut, ChartSize(480, 240)), ("gauge", gauge, ChartSize(280, 190)),
        ("spark", spark, Sparkline.size), ("heat", heat, ChartSize(640, 260)), ("sankey", sankey, ChartSize(640, 340)),
        ("map", map, TileMap.size), ("network", network, ChartSize(640, 380)),
    ]

    private static func caption(_ id: String, _ title: String, _ summary: String) -> Caption {
        Caption(id: id, title: title, summary: summary)
    }

    /// A plain generator, so that the pictures stay.
    static func wave(_ count: Int, seed: UInt64, from low: Double, to high: Double) -> [Double] {
        var state = seed
        var level = 0.5
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            level = min(max(level + (Double(state >> 40) / Double(1 << 24) - 0.5) * 0.24, 0), 1)
            return low + level * (high - low)
        }
    }

    private static let days = (1...30).map { "\($0) juin" }
    private static let months = ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août"]

    static let line = LineChart(
        caption("line", "Opérations par jour", "Les opérations des 30 derniers jours, entrées et sorties."),
        labels: days,
        series: [
            Series("Entrées", wave(30, seed: 3, from: 22_000, to: 94_000)),
            Series("Sorties", wave(30, seed: 9, from: 12_000, to: 70_000)),
        ], unit: .money("EUR"), isFilled: true, axis: "Jour")
    static let long = LineChart(
        caption("long", "Temps de réponse", "Le temps de réponse sur un jour, une valeur toutes les cinq secondes."),
        labels: (0..<17_280).map { "\($0 / 720) h" },
        series: [Series("p95", wave(17_280, seed: 5, from: 12, to: 160))], unit: .milliseconds,
        threshold: ("objectif", 150), axis: "Heure")
    static let bars = BarChart(
        caption("bars", "Entrées et sorties par mois", "Ce qui est entré et sorti chaque mois."), labels: months,
        series: [
            Series("Entrées", [2450, 2450, 2610, 2450, 2450, 3120, 2450, 2450]),
            Series("Sorties", [-1980, -2210, -1840, -2600, -2105, -1750, -3240, -1900]),
        ], unit: .money("EUR"), axis: "Mois")
    static let stacked = BarChart(
        caption("stacked", "Décisions par jour", "Paiements acceptés, vérifiés et refusés."), labels: days,
        series: [
            Series("Acceptés", wave(30, seed: 1, from: 800, to: 1500)),
            Series("Vérifiés", wave(30, seed: 2, from: 40, to: 160)),
            Series("Refusés", wave(30, seed: 4, from: 5, to: 70)),
        ], arrangement: .stacked, axis: "Jour")
    static let rank = RankChart(
        caption("rank", "Commerçants", "Les commerçants les plus payés."),
        items: [
            .init("Supermarché Montaigne", 18_450.2), .init("SNCF Voyageurs", 12_310),
            .init("Électricité de l'Ouest", 9_840),
            .init("Pharmacie du Port", 4_212.35), .init("Librairie & Cie", 1_180.9),
        ], unit: .money("EUR"), heads: ("Commerçant", "Montant"))
    static let reasons = RankChart(
        caption("reasons", "Raisons du score", "Ce qui a élevé ou abaissé le score de ce paiement."),
        items: [
            .init("Montant, 14 fois l'habitude", 1.82), .init("Bénéficiaire nouveau", 0.94),
            .init("Nuit, 03:12", 0.41), .init("Appareil connu", -0.56), .init("Client depuis 9 ans", -0.88),
        ], unit: .number(2), heads: ("Raison", "Poids"))
    static let donut = DonutChart(
        caption("donut", "Dépenses par catégorie", "La part de chaque catégorie dans les dépenses du mois."),
        items: [
            .init("Logement", 980), .init("Alimentation", 512.4), .init("Transports", 214), .init("Loisirs", 160.6),
            .init("Santé", 74), .init("Autres", 120),
        ], unit: .money("EUR"), heads: ("Catégorie", "Montant"))
    static let gauge = GaugeChart(
        caption("gauge", "Budget d'erreur consommé", "38 % du budget du mois est consommé."), value: 0.38, range: 0...1,
        zones: [
            .init(upTo: 0.5, .positive, "confortable"), .init(upTo: 0.8, .warning, "à surveiller"),
            .init(upTo: 1, .negative, "épuisé"),
        ], unit: .percent)
    static let spark = Sparkline(
        caption("spark", "Solde", "Le solde des 40 derniers jours."), values: wave(40, seed: 12, from: 900, to: 2400),
        unit: .money("EUR"))
    static let heat = HeatMap(
        caption("heat", "Connexions par heure", "Les connexions de la semaine, par jour et par heure."),
        columns: (0..<24).map { "\($0) h" }, rows: ["lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."],
        values: (0..<7).map { day in
            let shape: [Double] = [
                2, 1, 0, 0, 0, 1, 6, 14, 22, 28, 30, 27, 20, 24, 29, 31, 28, 25, 22, 18, 14, 10, 7, 4,
            ]
            return shape.map { ($0 * (day > 4 ? 0.4 : 1) + Double(day)).rounded() }
        })
    static let sankey = SankeyChart(
        caption("sankey", "Flux du mois", "D'où vient l'argent et où il va."),
        layers: [
            ["Salaire", "Remboursements", "Ventes"], ["Compte courant"],
            ["Logement", "Vie courante", "Épargne", "Impôts"],
        ],
        flows: [
            .init("Salaire", "Compte courant", 2450), .init("Remboursements", "Compte courant", 310),
            .init("Ventes", "Compte courant", 140), .init("Compte courant", "Logement", 980),
            .init("Compte courant", "Vie courante", 940), .init("Compte courant", "Épargne", 600),
            .init("Compte courant", "Impôts", 380),
        ], unit: .money("EUR"), heads: ("De", "Vers", "Montant"))
    static let map = TileMap(
        caption("map", "Clients par département", "Le nombre de clients de chaque département."),
        values: [
            "75": 412, "13": 240, "69": 268, "59": 301, "33": 190, "31": 176, "44": 158, "35": 121, "67": 98, "06": 133,
            "29": 64, "2A": 12, "2B": 15, "974": 41, "972": 22, "38": 90, "34": 88, "92": 210, "93": 142, "94": 150,
            "78": 130, "91": 96, "95": 88, "77": 84, "76": 71, "62": 92, "14": 40, "21": 37, "63": 45, "87": 20,
        ], heads: ("Département", "Clients"))
    static let network = NetworkChart(
        caption("network", "Contreparties du client", "Les comptes avec lesquels ce client a échangé."),
        centre: "C4f1a",
        links: [
            .init("Kb77e", 12_400, isMarked: true, beyond: ["a", "b", "c", "d"]), .init("K19d2", 3_200, beyond: ["a"]),
            .init("K80aa", 1_150), .init("K5c31", 860, beyond: ["a", "b"]), .init("Kf0c4", 640), .init("K3e9b", 410),
            .init("K77d0", 220, isMarked: true),
        ], unit: .money("EUR"), heads: ("Compte", "Montant"))
}
