"""What a person looks at: one offline page with the verdict, films, curves and where everything came from."""
