using System.Diagnostics.CodeAnalysis;

namespace Macro.Daemon.Storage;

/// <summary>
/// The node's folder on disk, 0700. A file in it is either the old one or the new one, whenever the power goes, and its
/// times on disk tell nothing of when the node was used.
/// </summary>
public sealed class DataFolder
{
    const UnixFileMode OwnerFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    const UnixFileMode OwnerFolder = OwnerFile | UnixFileMode.UserExecute;

    readonly Lock _lock = new();

    /// <exception cref="IOException">The folder cannot be made.</exception>
    public DataFolder(string path)
    {
        Path = path;
        Directory.CreateDirectory(path, OwnerFolder);
        foreach (var left in Directory.EnumerateFiles(path, "*.new"))
            File.Delete(left);
    }

    public string Path { get; }

    public string PathOf(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Keeps other nodes out of the folder until it is disposed or the process ends, however it ends.</summary>
    /// <returns>False: another node has it, and two would overwrite each other's keys.</returns>
    public bool TryLock([NotNullWhen(true)] out IDisposable? held)
    {
        held = null;
        try
        {
            var file = new FileStream(PathOf("lock"), new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                UnixCreateMode = OwnerFile,
            });
            held = file;
            File.SetLastWriteTimeUtc(file.SafeFileHandle, DateTime.UnixEpoch);
            File.SetLastAccessTimeUtc(file.SafeFileHandle, DateTime.UnixEpoch);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>The whole file, or null when there is none.</summary>
    public byte[]? TryRead(string name)
    {
        lock (_lock)
            return File.Exists(PathOf(name)) ? File.ReadAllBytes(PathOf(name)) : null;
    }

    /// <summary>Writes beside the file, flushes to the disk, and renames over it (0600).</summary>
    public void Write(string name, ReadOnlySpan<byte> contents)
    {
        lock (_lock)
        {
            var temporary = PathOf(name + ".new");
            using (var file = new FileStream(temporary, new FileStreamOptions
            {
                Mode = FileMode.Create,
                Access = FileAccess.Write,
                UnixCreateMode = OwnerFile,
            }))
            {
                file.Write(contents);
                file.Flush(flushToDisk: true);
            }
            File.SetLastWriteTimeUtc(temporary, DateTime.UnixEpoch);
            File.SetLastAccessTimeUtc(temporary, DateTime.UnixEpoch);
            File.Move(temporary, PathOf(name), overwrite: true);
        }
    }
}
