using Macro.Core;

namespace Macro.Circuits;

/// <summary>Answers what clients and other relays ask about the directory of relays. Called by the owner thread.</summary>
public interface IDirectoryService
{
    /// <summary>
    /// <see cref="ControlStatus.Ok"/> and the body of the answer, at most <see cref="DirectoryRequest.MaxBody"/> bytes;
    /// <see cref="ControlStatus.BadRequest"/>, which counts against the session; or <see cref="ControlStatus.RefusedLoad"/>.
    /// </summary>
    ControlStatus Answer(ReadOnlySpan<byte> request, Instant now, out ReadOnlyMemory<byte> answer);
}
