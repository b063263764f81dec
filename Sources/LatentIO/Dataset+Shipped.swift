import LatentKernels

// The data that ships; Resources/README.md says where it comes from.
extension Dataset {
  /// The names that ``named(_:)`` knows.
  public static let shippedNames = ["digits", "iris", "faithful"]

  /// One of ``shippedNames``.
  ///
  /// - Throws: ``SettingError`` for another name.
  public static func named(_ name: String) throws -> Dataset {
    switch name {
    case "digits": try digits()
    case "iris": try iris()
    case "faithful": try faithful()
    default:
      throw SettingError(
        "Expected the name of a data set that ships (\(shippedNames.joined(separator: ", "))), "
          + "found \"\(name)\".")
    }
  }

  /// 1,797 handwritten digits, 8 x 8 grey, labelled "0" to "9".
  ///
  /// The grey levels 0...16 of the original are stored as bytes round(level * 255 / 16), so that the
  /// value byte / 255 is level / 16 to within half a byte.
  ///
  /// - Throws: ``FileError`` where the package's resource is damaged.
  public static func digits() throws -> Dataset {
    let stream = try ByteStream(PackageResources.digits_csv_gz, name: "digits")
    let table = try load(stream, LoadOptions(label: "65", header: false))
    let grey = table.rows.matrix(of: Float.self).values.map { (UInt16($0) * 255 + 8) / 16 }
    return try Dataset(
      name: "digits",
      rows: Rows(count: table.rows.count, columns: 64, storage: .bytes(grey.map { UInt8($0) })),
      imageShape: ImageShape(height: 8, width: 8), labels: table.labels)
  }

  /// The digits in UCI's order: the first 1,500 to train on, the last 297 held out.
  public static func digitsSplit() throws -> (training: Dataset, heldOut: Dataset) {
    let all = try digits()
    return (all.selecting(Array(0..<1500)), all.selecting(Array(1500..<all.rows.count)))
  }

  /// Fisher's iris: 150 flowers, 4 lengths in centimetres, labelled by species.
  ///
  /// - Throws: ``FileError`` where the package's resource is damaged.
  public static func iris() throws -> Dataset {
    let stream = try ByteStream(PackageResources.iris_csv, name: "iris")
    return try load(stream, LoadOptions(label: "species"))
  }

  /// Old Faithful: 272 eruptions, their duration and the wait for the next, in minutes.
  ///
  /// - Throws: ``FileError`` where the package's resource is damaged.
  public static func faithful() throws -> Dataset {
    try load(ByteStream(PackageResources.faithful_csv, name: "faithful"), LoadOptions())
  }
}
