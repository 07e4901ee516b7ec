// This source file is part of the nfschurn project.
// SPDX-License-Identifier: BSD-2-Clause

import NFS4

extension ConformanceReason {
  /// Rows of the file system and its attributes that cannot happen.
  static let files: [Row: String] = {
    var rows: [Row: String] = [
      Row(.access, .accessDenied): "ACCESS tells what is allowed and needs no right itself",
      Row(.getAttributes, .accessDenied): "attributes can be read by everybody who has the filehandle",
      Row(.commit, .accessDenied): "a flush of what was written is no right of its own",
      Row(.commit, .readOnlyFileSystem): "there is nothing to commit, and nothing changes",
      Row(.commit, .isSymlink): "section 16.3 wants NFS4ERR_INVAL from what is neither a file nor a directory",
      Row(.read, .isSymlink): "section 16.23.4 wants NFS4ERR_INVAL",
      Row(.write, .isSymlink): "section 16.36.5 wants NFS4ERR_INVAL",
      Row(.lookupParent, .isSymlink): "section 16.14.5 wants NFS4ERR_NOTDIR",
      Row(.readLink, .isDirectory): "section 16.25.5 wants NFS4ERR_INVAL",
      Row(.readLink, .accessDenied): "a link's text can be read by everybody who has the filehandle",
      Row(.readLink, .notSupported): "symbolic links are supported",
      Row(.link, .notSupported): "hard links are supported",
      Row(.link, .noEntry): "the file is given by its filehandle: one that is gone is stale",
      Row(.rename, .notEmpty): "section 16.27.4 wants NFS4ERR_EXIST",
      Row(.setAttributes, .noSpace): "a file that grows by SETATTR grows by a hole",
      Row(.setAttributes, .quotaExceeded):
        "a file grows by a hole, and only root, whom no quota stops, gives files away",
      Row(.restoreFilehandle, .wrongSecurity): "a caller with the wrong flavour never gets to save a filehandle",
    ]
    for operation in [NFSOperation.create, .link, .rename] {
      rows[Row(operation, .quotaExceeded)] = "quotas count the data of regular files alone"
    }
    for operation in [NFSOperation.verify, .verifyNot, .setAttributes] {
      rows[Row(operation, .badCharacter)] = "owner strings take every character of UTF-8"
    }
    for operation in [NFSOperation.verify, .verifyNot] {
      rows[Row(operation, .accessDenied)] = "attributes can be read by everybody who has the filehandle"
    }
    for status in [
      NFSStatus.accessDenied, .delay, .quotaExceeded, .noEntry, .noSpace, .readOnlyFileSystem,
    ] {
      rows[Row(.openNamedAttributes, status)] = "named attributes are not supported: NFS4ERR_NOTSUPP comes first"
    }
    for operation in [
      NFSOperation.access, .commit, .lookup, .lookupParent, .putFilehandle, .putPublicFilehandle, .putRootFilehandle,
      .readDirectory, .readLink, .securityInformation,
    ] {
      rows[Row(operation, .delay)] = "nothing that it asks for has to be waited for"
    }
    return rows
  }()
}
