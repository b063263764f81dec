import Foundation
import LatentIO
import Mustache

/// report.html: one file with everything in it, no scripts, nothing fetched from elsewhere. The same
/// contents give the same bytes.
public struct ReportPage: Sendable {
  /// The page's title and first heading.
  public var title: String
  /// A line below the title.
  public var subtitle: String
  /// In the order of the page.
  public var sections: [Section] = []

  /// A heading and what stands below it.
  public struct Section: Sendable {
    /// Plain text, escaped in the page.
    public var heading: String
    /// What the section shows, from top to bottom.
    public var blocks: [Block]

    /// The blocks below a heading.
    public init(_ heading: String, _ blocks: [Block]) {
      self.heading = heading
      self.blocks = blocks
    }
  }

  /// A piece of a section.
  public enum Block: Sendable {
    /// Running text.
    case paragraph(String)
    /// Text as it is, in a fixed pitch.
    case code(String)
    /// Names and what they are.
    case pairs([(name: String, value: String)])
    /// The first cell of a row is its name.
    case table([String], rows: [[String]])
    /// Side by side where there is room.
    case figures([Figure])
  }

  /// A picture with words below it.
  public struct Figure: Sendable {
    /// A picture inside the page.
    public enum Picture: Sendable {
      /// Lines and text, drawn by the browser.
      case svg(SVG)
      /// The bytes of a PNG file.
      case png([UInt8])
    }
    /// What is shown.
    public var picture: Picture
    /// What it shows, in words.
    public var caption: String

    /// A drawing and its caption.
    public init(_ svg: SVG, _ caption: String) {
      picture = .svg(svg)
      self.caption = caption
    }
    /// The bytes of a PNG file, and a caption.
    public init(png: [UInt8], _ caption: String) {
      picture = .png(png)
      self.caption = caption
    }
  }

  /// A page of these sections, not yet written.
  public init(_ title: String, subtitle: String, sections: [Section] = []) {
    (self.title, self.subtitle, self.sections) = (title, subtitle, sections)
  }

  /// - Throws: ``FileError``.
  public func write(to path: String) throws {
    try AtomicFile.write(Array(html.utf8), to: path)
  }

  /// The page.
  public var html: String {
    do {
      return try Self.template().render(context)
    } catch {
      preconditionFailure("the page's own template is broken: \(error)")
    }
  }

  private static func template() throws -> MustacheTemplate {
    try MustacheTemplate(string: String(decoding: PackageResources.report_mustache, as: UTF8.self))
  }

  private var context: [String: Any] {
    [
      "title": title, "subtitle": subtitle,
      "style": String(decoding: PackageResources.report_css, as: UTF8.self),
      "sections": sections.map { section -> [String: Any] in
        ["heading": section.heading, "blocks": section.blocks.map(\.context)]
      },
    ]
  }
}

extension ReportPage.Block {
  fileprivate var context: [String: Any] {
    switch self {
    case .paragraph(let text): ["paragraph": text]
    case .code(let text): ["code": text]
    case .pairs(let pairs):
      [
        "table": [
          "pairs": true,
          "rows": pairs.map { ["name": $0.name, "cells": [$0.value]] as [String: Any] },
        ] as [String: Any]
      ]
    case .table(let head, let rows):
      [
        "table": [
          "head": [head],
          "rows": rows.map { ["name": $0[0], "cells": Array($0.dropFirst())] as [String: Any] },
        ] as [String: Any]
      ]
    case .figures(let figures):
      [
        "figures": [
          "items": figures.map { ["picture": $0.markup, "caption": $0.caption] as [String: Any] }
        ] as [String: Any]
      ]
    }
  }
}

extension ReportPage.Figure {
  fileprivate var markup: String {
    switch picture {
    case .svg(let svg): return svg.text
    case .png(let bytes):
      let data = Data(bytes).base64EncodedString()
      return "<img alt=\"\(caption.escapedForXML)\" src=\"data:image/png;base64,\(data)\">"
    }
  }

  /// A picture that was written to a file; nil where there is none.
  ///
  /// - Throws: ``FileError`` where it cannot be read.
  public init?(file path: String, _ caption: String) throws {
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    self.init(png: try FileBytes.read(path, limit: 64 << 20), caption)
  }
}

extension ReportPage.Section {
  /// The run's settings.
  public static func settings(_ pairs: [(name: String, value: String)]) -> Self {
    Self("Settings", [.pairs(pairs)])
  }

  /// What tells this model from others, and the command that makes it again.
  public static func repeating(_ command: String, digest: String?) -> Self {
    var blocks: [ReportPage.Block] = []
    if let digest {
      blocks.append(
        .paragraph("The digest of all parameters is \(digest): a repetition ends with the same."))
    }
    return Self("How to repeat it", blocks + [.code(command)])
  }
}
