namespace Macro.Linux;

/// <summary>What a process does to go on without the terminal that it was started from.</summary>
public static class Background
{
    /// <summary>
    /// Leaves the terminal's session and turns standard input, output and error to /dev/null. Whoever reads this process's
    /// output sees it end here.
    /// </summary>
    public static void Detach()
    {
        // Fails only for the leader of a session, which has no terminal to lose.
        _ = Interop.SetSession();
        using var nowhere = Interop.Open("/dev/null", Interop.O_RDWR | Interop.O_CLOEXEC).Checked("open /dev/null");
        for (var standard = 0; standard <= 2; standard++)
            _ = Interop.Duplicate(nowhere, standard);
    }
}
